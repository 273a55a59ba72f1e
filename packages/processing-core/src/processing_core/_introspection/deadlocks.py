"""Deadlocks: members that wait for one another, and for nothing else.

A member is *stuck* if all of its threads wait without a time limit, and for nothing outside of shared memory. For each
of its waits there is a set of members that may end it: the holder of a lock, the process that is joined, the busy
workers of a pool, or the members that have a reference to the queue, event, condition or semaphore. Stuck members are
in a deadlock if every member that may end any of their waits is one of them. This is the largest such set: members are
taken out of it as long as one of them may be released by one outside.

Nothing may be called a deadlock that is none. So whatever is not known counts as a member that may act: references that
are on their way in a queue, handlers of signals, threads that compute or sleep, waits with a time limit. And the waits
are read twice, the state of what they wait for in between: only what waited the whole time counts, because what is read
of one member after another may never have been true at one moment.
"""

from __future__ import annotations

import time

from processing_core._introspection import waits
from processing_core._introspection.arena_reader import Torn
from processing_core._introspection.collected import NO_DEADLINE, CellRow, Record, records_of, references_of, serial_of
from processing_core._introspection.model import Deadlock
from processing_core._introspection.processes import catches_signals, process_info
from processing_core._introspection.snapshot import Snapshot

__all__ = ["deadlocks_of"]

FRESH = 2.0
"""Seconds since the threads of a member were counted: else it is stopped, or does not get the processor."""

STARTERS = "ForkServer"
"""How the members are named that start others; they use nothing that they have references to."""


class _Search:
    """One search in a snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._of = snapshot
        self._references: dict[tuple[int, int], set[int]] = {}
        self._counted: dict[int, int] = {}
        self._pools = {pool.results: pool for pool in snapshot.pools}
        self._idle_at = {pool.tasks: pool for pool in snapshot.pools}

    def run(self) -> dict[int, list[set[int]]]:
        """The deadlocked members, with the members that may end each of their waits."""
        stuck = {serial for serial, records in self._of.records.items() if self._is_stuck(serial, records)}
        if not stuck:
            return {}
        self._read_references()
        ends = {}
        for serial in stuck:
            sets = [self._may_end(serial, record) for record in self._of.records[serial]]
            if None not in sets:
                ends[serial] = [found for found in sets if found is not None]
        while released := [serial for serial, sets in ends.items() if any(found - ends.keys() for found in sets)]:
            for serial in released:
                del ends[serial]
        return {serial: sets for serial, sets in ends.items() if self._waited_on(serial)}

    def _is_stuck(self, serial: int, records: list[Record]) -> bool:
        if not records or self._of.processes[serial].state == "stopped":
            return False
        newest = max(records, key=lambda record: record.looked)
        threads = {record.thread for record in records}
        return (
            len(threads) >= newest.threads > 0
            and time.monotonic() - newest.looked / 1e9 < FRESH
            and all(record.deadline == NO_DEADLINE for record in records)
        )

    def _waited_on(self, serial: int) -> bool:
        """Whether the waits have lasted until now, when all else has been read."""
        try:
            return records_key(records_of(self._of.reader, self._of.rows[serial])) == records_key(
                self._of.records[serial]
            ) and self._is_alive(serial)
        except Torn:
            return False

    def _is_alive(self, serial: int) -> bool:
        row = self._of.rows[serial]
        info = process_info(row.pid)
        return info is not None and info.start_time == row.start_time

    def _read_references(self) -> None:
        for serial, row in self._of.rows.items():
            try:
                found = references_of(self._of.reader, row)
            except Torn:
                continue  # then the counts differ, and nothing is concluded
            for word in found:
                if not row.name.startswith(STARTERS):
                    self._references.setdefault((word & 0xFFFFFFFF, word >> 32), set()).add(serial)
                self._counted[word] = self._counted.get(word, 0) + 1

    def _may_end(self, serial: int, record: Record) -> set[int] | None:
        """The members that may end a wait; ``None`` if something else may, or it is about to end."""
        row, on = waits.aim_of(self._of.cells, record)
        if on == "process":
            target = serial_of(record.target)
            return {target} if target in self._of.processes else None
        if row is None or on == "outside":
            return None
        try:
            if waits.is_over(self._of.reader, self._of.cells, row, on, record):
                return None
            return self._may_end_at(serial, row, on)
        except (Torn, KeyError):
            return None

    def _may_end_at(self, serial: int, row: CellRow, on: str) -> set[int] | None:
        if row.kind in ("Lock", "RLock"):
            owner = waits.owner_of(self._of.reader, self._of.cells, row)
            holder = serial_of(owner[0]) if owner is not None else None
            if holder is not None and (holder != serial or row.kind == "RLock"):
                return {holder}
        if row.kind == "BoundedSemaphore":
            return {serial_of(owner) for owner in waits.permit_owners(self._of.reader, self._of.cells, row)}
        word = row.generation << 32 | row.number
        if on == "get" and word in self._pools:
            return self._pools[word].busy() or None
        if catches_signals(self._of.rows[serial].pid) or self._counted.get(word, 0) < row.references:
            return None
        found = self._references.get(row.cell, set())
        if on == "get" and word in self._idle_at:
            found = found - {worker.serial for worker in self._idle_at[word].workers}
        return found

    def is_idle_worker(self, serial: int) -> bool:
        """Whether a member is a pool's worker that waits for tasks."""
        return any(
            worker.serial == serial and worker.task is None for pool in self._of.pools for worker in pool.workers
        )


def records_key(records: list[Record]) -> list[tuple[int, int, int, int]]:
    """What stays the same while a wait lasts."""
    return sorted((record.thread, record.at, record.target, record.since) for record in records)


def deadlocks_of(snapshot: Snapshot) -> list[Deadlock]:
    """The deadlocks, each with the members that wait for one another; others that only wait for these are left out."""
    search = _Search(snapshot)
    ends = search.run()
    graph = {
        serial: set().union(*sets) & ends.keys() for serial, sets in ends.items() if not search.is_idle_worker(serial)
    }
    return [Deadlock(tuple(sorted(part)), _text(snapshot, part)) for part in _circles(graph)]


def _circles(graph: dict[int, set[int]]) -> list[set[int]]:
    """The sets of members of which each waits, perhaps through others, for all of the set."""

    def reached(start: int) -> set[int]:
        seen: set[int] = set()
        pending = [start]
        while pending:
            new = (graph.get(pending.pop(), set()) & graph.keys()) - seen
            seen |= new
            pending.extend(new)
        return seen

    forward = {serial: reached(serial) for serial in graph}
    found: list[set[int]] = []
    for serial, after in forward.items():
        part = {other for other in after if serial in forward[other]}
        if part and part not in found:
            found.append(part)
    # A member that no other can release is a deadlock by itself.
    found.extend({serial} for serial in graph if not any(serial in part for part in found) and not graph[serial])
    return found


def _text(snapshot: Snapshot, part: set[int]) -> str:
    return "; ".join(
        _clause(snapshot, serial, record) for serial in sorted(part) for record in snapshot.records[serial]
    )


def _clause(snapshot: Snapshot, serial: int, record: Record) -> str:
    wait = waits.wait_of(snapshot.cells, record, snapshot.names)
    row = waits.aim_of(snapshot.cells, record).row
    where = f" at {':'.join(wait.frames[0].split(':')[:2])}" if wait.frames else ""
    return f"{snapshot.names[serial]} waits for {wait.what}{_state(snapshot, row)}{where}"


def _state(snapshot: Snapshot, row: CellRow | None) -> str:
    """What is to be known of what is waited for, in words."""
    if row is None:
        return ""
    made = snapshot._made(row)
    parts = [f"made at {made}"] if made else []
    if row.kind in ("Lock", "RLock", "BoundedSemaphore"):
        found = snapshot._one(row)
        if found is not None and found.holders:
            holders = " and ".join(
                dict.fromkeys(snapshot.names.get(holder, "one that is gone") for holder in found.holders)
            )
            since = f" since {found.held:.0f} s" if found.held is not None else ""
            parts.append(f"held by {holders}{since}")
    return f" ({', '.join(parts)})" if parts else ""
