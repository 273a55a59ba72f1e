"""The pools of a family: their claims, and what their workers run."""

from __future__ import annotations

import time

from processing_core._introspection.arena_reader import ArenaReader, Torn
from processing_core._introspection.collected import CellRow, Cells, cell_id, serial_of
from processing_core._introspection.model import PoolInfo, Task
from processing_core.annotations import NamedTuple

__all__ = ["PoolRow", "pool_rows"]

CALLS, CONTROL = 0, (1 << 64) - 1
RUNNING = 2
NOTE_SIZE = 64


class WorkerRow(NamedTuple):
    """A worker's claim."""

    serial: int
    task: Task | None
    done: int


class PoolRow(NamedTuple):
    """A pool, of one block of claims or several."""

    tasks: int
    results: int
    workers: list[WorkerRow]

    def busy(self) -> set[int]:
        """The serials of the workers that run a task."""
        return {worker.serial for worker in self.workers if worker.task is not None}

    def described(self, queued: int) -> PoolInfo:
        """The pool as `model` has it."""
        busy, done = len(self.busy()), sum(worker.done for worker in self.workers)
        return PoolInfo(cell_id(self.tasks), cell_id(self.results), len(self.workers), busy, done, queued)


def pool_rows(reader: ArenaReader, cells: Cells, alive: set[int]) -> list[PoolRow]:
    """The pools, with those of their workers that are alive."""
    found: dict[tuple[int, int], PoolRow] = {}
    for row in cells.by_index.values():
        if row.kind == "claims":
            try:
                tasks, results, workers = _block(reader, cells, row)
            except Torn:
                continue
            pool = found.setdefault((tasks, results), PoolRow(tasks, results, []))
            pool.workers.extend(worker for worker in workers if worker.serial in alive)
    return [pool for pool in found.values() if cells.by_id(pool.tasks) is not None]


def _block(reader: ArenaReader, cells: Cells, row: CellRow) -> tuple[int, int, list[WorkerRow]]:
    fields = cells.fields["claims"]
    n = (row.size - NOTE_SIZE) // fields["worker"]
    notes = row.offset + n * (fields["claim"] + fields["buffer"])
    end = reader.read(notes + n * fields["notes"], 16)
    workers = [_worker(reader, fields, row.offset + i * fields["claim"], notes + i * fields["notes"]) for i in range(n)]
    tasks, results = (int.from_bytes(end[i : i + 8], "little") for i in (0, 8))
    return tasks, results, [worker for worker in workers if worker is not None]


def _worker(reader: ArenaReader, fields: dict[str, int], claim: int, notes: int) -> WorkerRow | None:
    def word(name: str) -> int:
        return reader.word(claim + fields[name])

    if not word("position"):
        return None  # not ready yet
    serial = serial_of(reader.word(notes + fields["notes.worker"]))
    return reader.settled(
        claim + fields["work"],
        lambda: WorkerRow(
            serial, _task(reader, fields, claim, notes) if word("work") & RUNNING else None, word("done")
        ),
    )


def _task(reader: ArenaReader, fields: dict[str, int], claim: int, notes: int) -> Task | None:
    numbers = [reader.word(claim + fields[name]) for name in ("job_id", "index", "work", "began", "function")]
    job_id, index, work, began, function = numbers
    if job_id == CONTROL:
        return None
    item = index + max(0, ((work >> 2) & 0x7FFF) - 1)
    seconds = max(0.0, time.monotonic() - began / 1e9)
    return Task(_name(reader, fields, notes, function if job_id == CALLS else job_id), item, seconds)


def _name(reader: ArenaReader, fields: dict[str, int], notes: int, cell: int) -> str | None:
    size = fields["function_name"]
    data = reader.read(notes + fields["functions"], 4 * size)
    for begin in range(0, len(data), size):
        if cell and int.from_bytes(data[begin : begin + 8], "little") == cell:
            return reader.text_in(data, begin + 8, size - 8)
    return None
