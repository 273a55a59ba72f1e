"""A snapshot of a family: what is collected of its arena, and what the system says of its processes."""

from __future__ import annotations

import time
from collections.abc import Callable

from processing_core._introspection import waits
from processing_core._introspection.arena_reader import ArenaReader, Torn
from processing_core._introspection.collected import (
    RESERVED,
    SITE_TEXT,
    CellRow,
    Cells,
    MemberRow,
    Record,
    member_rows,
    records_of,
    serial_of,
)
from processing_core._introspection.model import Arena, Leak, Member, PrimitiveInfo, QueueInfo, Task
from processing_core._introspection.pools import PoolRow, pool_rows
from processing_core._introspection.processes import ProcessInfo, process_info
from processing_core.annotations import TypeVar

__all__ = ["Snapshot", "leaks_of"]

PRIMITIVES = ("Lock", "RLock", "Semaphore", "BoundedSemaphore", "Event", "Condition")
QUEUES = ("Queue", "PriorityQueue")
UNBOUNDED = (1 << 64) - 1

R = TypeVar("R")


class Snapshot:
    """What was read; `torn` counts what could not be."""

    def __init__(self, reader: ArenaReader) -> None:
        self.reader = reader
        self.torn = 0
        self.rows: dict[int, MemberRow] = {serial_of(row.owner): row for row in member_rows(reader)}
        self.processes: dict[int, ProcessInfo] = {}
        for serial, row in self.rows.items():
            info = process_info(row.pid) if row.pid else None
            if info is not None and info.start_time == row.start_time:
                self.processes[serial] = info
        self.cells = Cells(reader)
        self.records: dict[int, list[Record]] = {serial: self._records(serial) for serial in self.processes}
        self.pools: list[PoolRow] = pool_rows(reader, self.cells, set(self.processes))
        self.names = {serial: row.name or f"process {row.pid}" for serial, row in self.rows.items()}

    def _records(self, serial: int) -> list[Record]:
        try:
            return records_of(self.reader, self.rows[serial])
        except Torn:
            self.torn += 1
            return []

    # -- members ------------------------------------------------------------------------------------

    def members(self) -> list[Member]:
        """The processes."""
        tasks = {worker.serial: worker.task for pool in self.pools for worker in pool.workers}
        pids = {self.rows[serial].pid: serial for serial in self.processes}
        return [self._member(serial, tasks.get(serial), pids) for serial in sorted(self.rows)]

    def _member(self, serial: int, task: Task | None, pids: dict[int, int]) -> Member:
        row, info = self.rows[serial], self.processes.get(serial)
        if info is None:
            state = "starting" if row.state == RESERVED else "dead"
            return Member(serial, row.pid, row.name, state, None, 0.0, 0, 0, 0.0)
        waiting = tuple(waits.wait_of(self.cells, record, self.names) for record in self.records[serial])
        figures = info.cpu, info.memory, info.threads, info.age
        return Member(serial, row.pid, row.name, info.state, _parent(info, pids), *figures, waiting, task)

    # -- what they share ----------------------------------------------------------------------------

    def primitives(self) -> list[PrimitiveInfo]:
        """The locks and their like."""
        return [item for row in self.cells.by_index.values() if row.kind in PRIMITIVES and (item := self._one(row))]

    def queues(self) -> list[QueueInfo]:
        """The queues and pipes."""
        return [item for row in self.cells.by_index.values() if row.kind in QUEUES and (item := self._queue(row))]

    def _one(self, row: CellRow) -> PrimitiveInfo | None:
        try:
            return self._settled(row, lambda: self._primitive(row))
        except Torn:
            self.torn += 1
            return None

    def _settled(self, row: CellRow, read: Callable[[], R]) -> R | None:
        """What is read of a cell, if it was that cell until it was read."""
        at = self.reader.at
        base = self.reader.word_in(self.reader.header, "arena_header.cells_at")
        offset = base + row.number * at["cell"] + at["cell.word"]
        result = read()
        if (self.reader.word(offset) >> 32) & 0xFFFFFF != row.generation:
            return None  # it is gone
        return result

    def _primitive(self, row: CellRow) -> PrimitiveInfo:
        reader, cells, fields = self.reader, self.cells, self.cells.fields[row.kind]
        holders: tuple[int, ...] = ()
        value = held = None
        if row.kind in ("Lock", "RLock"):
            owner, since = waits.owner_of(reader, cells, row), waits.held_since(reader, cells, row)
            value = int(owner is not None)
            if owner is not None:
                holders = (serial_of(owner[0]),)
                held = max(0.0, time.monotonic() - since / 1e9) if since else None
        elif row.kind == "BoundedSemaphore":
            owners = waits.permit_owners(reader, cells, row)
            value, holders = owners.count(0), tuple(serial_of(owner) for owner in owners if owner)
        elif row.kind == "Semaphore" and not reader.word(row.offset + fields["reclaim"]):
            value = reader.word(row.offset + fields["count"]) & 0xFFFFFFFF
        elif row.kind == "Event":
            value = reader.word(row.offset + fields["word"]) & 1
        return PrimitiveInfo(row.kind, row.cell, value, holders, held, self._waiters(row), self._made(row))

    def _waiters(self, row: CellRow) -> tuple[int, ...]:
        word = row.generation << 32 | row.number
        return tuple(serial for serial in self.processes for wait in self.rows[serial].waits if wait == word)

    def _queue(self, row: CellRow) -> QueueInfo | None:
        try:
            return self._settled(row, lambda: self._queue_of(row))
        except Torn:
            self.torn += 1
            return None

    def _queue_of(self, row: CellRow) -> QueueInfo:
        fields = self.cells.fields[row.kind]

        def word(name: str) -> int:
            return self.reader.word(row.offset + fields[name])

        bound = word("max_items")
        if row.kind == "Queue":
            gets, puts, head, tail = word("gets"), word("puts"), word("head"), word("tail")
            items = max(0, puts - gets)
            used = max(0, tail - head) + max(0, word("put_weight") - word("got_weight")) if items else 0
        else:
            items, used, puts = word("n"), word("bytes"), word("number")
            gets = max(0, puts - items)
        waiters = tuple(serial for serial, found in self.records.items() for r in found if self.cells.at(r.at) == row)
        most = None if bound == UNBOUNDED else bound
        return QueueInfo(row.kind, row.cell, items, used, puts, gets, most, waiters, self._made(row))

    def _made(self, row: CellRow) -> str | None:
        if not row.site:
            return None
        try:
            return self.reader.text_in(self.reader.read(row.site + 8, SITE_TEXT), 0, SITE_TEXT) or None
        except Torn:
            return None

    # -- the arena ----------------------------------------------------------------------------------

    def arena(self) -> Arena:
        """The shared memory."""
        reader, page = self.reader, self.reader.at["page_size"]
        kinds: dict[str, tuple[int, int]] = {}
        for row in self.cells.by_index.values():
            n, size = kinds.get(row.kind, (0, 0))
            kinds[row.kind] = n + 1, size + row.size
        used, warm = reader.header_word("pages_used") * page, reader.header_word("pages_warm") * page
        limit = reader.word_in(reader.header, "arena_header.cap")
        return Arena(limit, used, used + warm, None, reader.header_word("cells_used"), kinds)

    def identity(self) -> str:
        """What tells this family from others."""
        roots = min(self.rows, default=0)
        row = self.rows.get(roots)
        return f"{row.pid}-{row.start_time}" if row is not None else "0"

    def leaks(self) -> list[Leak]:
        """The cells, by where they were made."""
        found: dict[tuple[str | None, str], list[int]] = {}
        for row in self.cells.by_index.values():
            found.setdefault((self._made(row), row.kind), []).append(row.size)
        leaks = [Leak(made, kind, len(sizes), sum(sizes)) for (made, kind), sizes in found.items()]
        return sorted(leaks, key=lambda leak: (-leak.cells, -leak.bytes))


def leaks_of(reader: ArenaReader) -> list[Leak]:
    """The cells of an arena, by where they were made."""
    return Snapshot(reader).leaks()


def _parent(info: ProcessInfo, pids: dict[int, int]) -> int | None:
    """The nearest member above; a forkserver between them is none."""
    pid = info.parent
    for _ in range(10):
        if pid in pids:
            return pids[pid]
        above = process_info(pid) if pid > 1 else None
        if above is None:
            return None
        pid = above.parent
    return None
