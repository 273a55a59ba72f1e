"""What is read of an arena, before it is put into the words of `model`."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterator

from processing_core._introspection.arena_reader import ArenaReader, Torn
from processing_core.annotations import NamedTuple

__all__ = ["CellRow", "Cells", "MemberRow", "Record", "cell_id", "member_rows", "records_of", "references_of"]

FLAGS = 0xFF
NO_DEADLINE = (1 << 63) - 1
SITE_TEXT = 504
RESERVED = 1


def serial_of(owner: int) -> int:
    """The serial of a member by its owner id."""
    return owner >> 20


def cell_id(word: int) -> tuple[int, int]:
    """(index, generation) of a cell by its id."""
    return word & 0xFFFFFFFF, (word >> 32) & 0xFFFFFF


class MemberRow(NamedTuple):
    """A slot in use."""

    offset: int
    slot: int
    owner: int
    state: int
    pid: int
    start_time: int
    references: int
    startup_data: int
    name: str
    waits: tuple[int, ...]


class Record(NamedTuple):
    """A wait record, as it was at one moment."""

    version: int
    thread: int
    at: int
    target: int
    since: int
    deadline: int
    looked: int
    threads: int
    items: int
    bytes: int
    name: str
    text: str

    @property
    def seconds(self) -> float:
        """How long the thread has waited."""
        return max(0.0, time.monotonic() - self.since / 1e9)


class CellRow(NamedTuple):
    """A cell in use."""

    number: int
    generation: int
    kind: str
    references: int
    offset: int
    size: int
    site: int

    @property
    def cell(self) -> tuple[int, int]:
        """What identifies it."""
        return self.number, self.generation


def member_rows(reader: ArenaReader) -> Iterator[MemberRow]:
    """The slots in use.  They are taken from the first on: behind one part that was never used there are none."""
    at, size = reader.at, reader.at["member"]
    untouched = bytes(size)
    unused = 0
    for offset, data in reader.structures(at["members_at"], size, at["member_slots"]):
        owner = reader.word_in(data, "member.owner")
        if owner:
            yield _member(reader, offset, data)
            unused = 0
        elif data == untouched:
            unused += 1
            if unused > 64:
                return


def _member(reader: ArenaReader, offset: int, data: bytes) -> MemberRow:
    at = reader.at
    begin, end = at["member.name"], at["member.waits"]
    waits = tuple(int.from_bytes(data[i : i + 8], "little") for i in range(end, at["member"], 8))
    names = "owner", "state", "pid", "start_time", "references", "startup_data"
    owner, state, pid, start, references, startup = [reader.word_in(data, f"member.{name}") for name in names]
    slot = (offset - at["members_at"]) // at["member"]
    name = reader.text_in(data, begin, end - begin)
    return MemberRow(offset, slot, owner, state, pid, start, references, startup, name, waits)


def records_of(reader: ArenaReader, member: MemberRow) -> list[Record]:
    """The records of a member's threads that wait.

    :raises Torn: if one was being written all the time.
    """
    at = reader.at
    size, n = at["wait_record"], at["member_records"]
    base = reader.word_in(reader.header, "arena_header.records_at") + member.slot * size * n
    found = []
    for i, (_, data) in enumerate(reader.structures(base, size, n)):
        if reader.word_in(data, "wait_record.taken") == member.owner:
            record = _record(reader, base + i * size)
            if record is not None and (record.at or record.target or record.text):
                found.append(record)
    return found


def _record(reader: ArenaReader, offset: int) -> Record | None:
    at, size = reader.at, reader.at["wait_record"]
    for _ in range(20):
        data = reader.read(offset, size)
        count = reader.word_in(data, "wait_record.count")
        if count & 1 or reader.word(offset + at["wait_record.count"]) != count:
            continue
        if not reader.word_in(data, "wait_record.taken"):
            return None  # the wait is over
        names = "thread", "at", "target", "since", "deadline", "looked", "threads", "items", "bytes"
        numbers = {name: reader.word_in(data, f"wait_record.{name}") for name in names}
        name = reader.text_in(data, at["wait_record.name"], at["wait_record.text"] - at["wait_record.name"])
        text = reader.text_in(data, at["wait_record.text"], size)
        return Record(version=count, **numbers, name=name, text=text)
    raise Torn


def references_of(reader: ArenaReader, member: MemberRow) -> list[int]:
    """The ids of the cells that a member refers to, each as often as it does.

    :raises Torn: if its table changed whenever it was read.
    """
    at = reader.at
    size, first, step = at["chunk"], at["chunk.entries"], at["reference"]
    found, offset, chunks = [], member.references, 0
    while offset:
        chunks += 1
        if chunks > 1 << 16:
            raise Torn
        data = reader.read(offset, size)
        for entry in range(first, size - step + 1, step):
            ref = reader.word_in(data, "reference.ref", entry)
            if ref and not reader.word_in(data, "reference.transfer", entry):
                found.append(ref)
        offset = reader.word_in(data, "chunk.next")
    return found


class Cells:
    """The cells in use, by their index, and by where their blocks are."""

    def __init__(self, reader: ArenaReader) -> None:
        self.by_index: dict[int, CellRow] = {}
        size = reader.at["cell"]
        n = reader.header_word("fresh_cell")
        base = reader.word_in(reader.header, "arena_header.cells_at")
        for index, (_, data) in enumerate(reader.structures(base, size, n)):
            word = reader.word_in(data, "cell.word")
            kind, count = word >> 56, word & 0xFFFFFFFF
            if index and kind and count and kind < len(reader.kinds):
                numbers = [reader.word_in(data, f"cell.{name}") for name in ("offset", "size", "site")]
                row = CellRow(index, (word >> 32) & 0xFFFFFF, reader.kinds[kind][0], count, *numbers)
                self.by_index[index] = row
        self._blocks = sorted((row.offset, row) for row in self.by_index.values())
        self.fields = dict(reader.kinds)

    def by_id(self, word: int) -> CellRow | None:
        """The cell of an id, if it is that still."""
        row = self.by_index.get(word & 0xFFFFFFFF)
        return row if row is not None and row.generation == (word >> 32) & 0xFFFFFF else None

    def at(self, offset: int) -> CellRow | None:
        """The cell whose block has this offset in it."""
        i = bisect_right(self._blocks, offset, key=lambda item: item[0]) - 1
        if i < 0:
            return None
        row = self._blocks[i][1]
        return row if offset < row.offset + row.size else None
