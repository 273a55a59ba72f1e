"""What a wait record says: which cell, and what the thread waits for there."""

from __future__ import annotations

from processing_core._introspection.arena_reader import ArenaReader, Torn
from processing_core._introspection.collected import FLAGS, NO_DEADLINE, CellRow, Cells, Record, serial_of
from processing_core._introspection.model import Wait
from processing_core.annotations import NamedTuple

__all__ = ["Aim", "aim_of", "event_of", "held_since", "owner_of", "permit_owners", "is_over", "wait_of"]

_EVENTS = {"not_empty": "get", "not_full": "put", "all_finished": "join"}
_QUEUES = ("Queue", "PriorityQueue")


class Aim(NamedTuple):
    """What a thread waits for."""

    row: CellRow | None
    on: str


def aim_of(cells: Cells, record: Record) -> Aim:
    """The cell whose word the thread sleeps on, and the event."""
    if record.target:
        return Aim(None, "process")
    row = cells.at(record.at) if record.at else None
    return Aim(row, "outside" if row is None else event_of(cells, row, record))


def event_of(cells: Cells, row: CellRow, record: Record) -> str:
    """What a thread waits for at a cell."""
    if row.kind in _QUEUES:
        names = {offset: name for name, offset in cells.fields[row.kind].items() if name in _EVENTS}
        return _EVENTS.get(names.get(record.at - row.offset, ""), "outside")
    return "wait" if row.kind in ("Event", "Condition") else "acquire"


def wait_of(cells: Cells, record: Record, names: dict[int, str]) -> Wait:
    """A record in words.

    :param names: those of the members, by their serials.
    """
    row, on = aim_of(cells, record)
    target = serial_of(record.target) if record.target else None
    frames = tuple(record.text.splitlines())
    if target is not None:
        what = f"the end of {names.get(target, 'a process that is gone')}"
    elif row is None:
        what = "something outside of shared memory"
    else:
        what = f"{row.kind} {row.number}" if on in ("acquire", "wait") else f"a {on} of {row.kind} {row.number}"
    cell = None if row is None else row.cell
    thread = record.name or str(record.thread)
    return Wait(thread, what, cell, on, target, record.seconds, record.deadline != NO_DEADLINE, frames)


def owner_of(reader: ArenaReader, cells: Cells, row: CellRow) -> tuple[int, bool] | None:
    """(owner id, whether it is known to be dead) of a lock; ``None`` if it is free."""
    state = reader.word(row.offset + cells.fields[row.kind]["state"])
    return (state & ~FLAGS, bool(state & 1)) if state else None


def held_since(reader: ArenaReader, cells: Cells, row: CellRow) -> int:
    """When a lock was taken, monotonic ns; 0 if that is not known."""
    return reader.word(row.offset + cells.fields[row.kind]["since"])


def permit_owners(reader: ArenaReader, cells: Cells, row: CellRow) -> list[int]:
    """The owner ids of a bounded semaphore's permits; 0 for a free one."""
    fields = cells.fields[row.kind]
    n = reader.word(row.offset + fields["max"])
    if n > (row.size - fields["permits"]) // 8:
        raise Torn
    data = reader.read(row.offset + fields["permits"], 8 * n)
    return [int.from_bytes(data[i : i + 8], "little") for i in range(0, 8 * n, 8)]


def is_over(reader: ArenaReader, cells: Cells, row: CellRow, on: str, record: Record) -> bool:
    """Whether what the thread waits for is there, so that it is about to go on.

    :raises Torn: if it cannot be read.
    """
    fields, at = cells.fields[row.kind], row.offset

    def word(name: str) -> int:
        return reader.word(at + fields[name])

    match row.kind:
        case "Lock" | "RLock":
            owner = owner_of(reader, cells, row)
            return owner is None or owner[1]
        case "Semaphore":
            return bool(word("reclaim")) or word("count") & 0xFFFFFFFF > 0
        case "BoundedSemaphore":
            return 0 in permit_owners(reader, cells, row)
        case "Event":
            return bool(word("word") & 1)
        case "Condition":
            if record.at == at:  # it is waited for in slices
                return False
            return bool(reader.word(record.at - fields["waiter.parked"] + fields["waiter.ticket"]) & 1)
        case "Queue":
            if word("state") or word("closed_now"):
                return True
            if on == "get":
                return word("tail") != word("head")
            if on == "put":
                used = word("tail") - word("head") + word("put_weight") - word("got_weight")
                items = word("puts") - word("gets")
                return _fits(record.items, items, word("max_items")) and _fits(record.bytes, used, word("max_bytes"))
            return word("finished") >= word("puts")
        case "PriorityQueue":
            if word("state"):
                return True
            if on == "get":
                return word("n") > 0
            if on == "put":
                n, used = word("n"), word("bytes")
                return n == 0 or (n < word("max_items") and _fits(record.bytes, used, word("max_bytes")))
            return word("finished") >= word("tasks")
    return True


def _fits(more: int, used: int, bound: int) -> bool:
    """Whether a queue has room; in an empty one there is room for everything."""
    return used == 0 or used + more <= bound
