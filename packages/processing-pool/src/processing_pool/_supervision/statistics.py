"""What the workers of a pool have done: the figures in their claims, and those of workers that have ended."""

from __future__ import annotations

import time
from operator import itemgetter

from processing_core.annotations import TYPE_CHECKING, Any
from processing_pool._platform import resident
from processing_pool._supervision.claim_table import ClaimTable

if TYPE_CHECKING:
    from processing_pool._stats import LongTask, PoolStats

    Figures = tuple[int, int | None, int, float, float, float, int, list[tuple[int, str]]]
    """Those of `WorkerStats`, in its order; of the longest tasks nanoseconds and the description."""

__all__ = ["Statistics"]

MOST = 5
"""How many of the longest tasks are told."""


class Statistics:
    """The sums of the workers that have ended, and when the others were started.

    The supervisor's thread, and the one that makes the pool, write it; any thread may read it.
    """

    def __init__(self) -> None:
        self._begun: dict[int, float] = {}  # by worker id
        self._ended: list[Figures] = []  # their sum, if any have ended
        self._deaths = self._started = 0

    def start(self, worker_id: int) -> None:
        """A worker is about to be started."""
        self._begun[worker_id] = time.monotonic()
        self._started += 1

    def end(self, worker_id: int, process: Any, claims: ClaimTable, *, died: bool) -> None:
        """A worker has ended, and its claim is about to be cleared."""
        figures = self._of(worker_id, process, claims)
        self._ended = [_sum([*self._ended, (*figures[:6], 0, figures[7])])]  # it has no memory any more
        self._begun.pop(worker_id, None)
        self._deaths += died

    def read(self, processes: list[Any], claims: ClaimTable | None) -> PoolStats:
        """All figures, but for those that only the jobs and the rings have."""
        from processing_pool._stats import PoolStats, WorkerStats  # here, for few programs ask

        figures = [
            self._of(worker_id, process, claims)
            for worker_id, process in enumerate(processes)
            if process is not None and claims is not None
        ]
        workers = tuple(WorkerStats(*one[:7], _long_tasks(one[7])) for one in figures)
        _, _, tasks, busy, idle, startup, memory, longest = _sum([*self._ended, *figures])
        counts = tasks, 0, 0, self._deaths, self._started
        return PoolStats(workers, *counts, busy, idle, startup, memory, 0, 0, _long_tasks(longest))

    def _of(self, worker_id: int, process: Any, claims: ClaimTable) -> Figures:
        done, idle, idle_since, ready, *_ = claims.figures(worker_id)
        now = time.monotonic()
        begun = self._begun.get(worker_id, now)
        startup = (ready / 1e9 if ready else now) - begun
        if idle_since:
            idle += max(0, int(now * 1e9) - idle_since)
        busy = max(0.0, now - ready / 1e9 - idle / 1e9) if ready else 0.0
        memory = resident(process.pid) if process.pid is not None else 0
        longest = _longest(claims.longest(worker_id))
        return worker_id, process.pid, done, busy, idle / 1e9, max(0.0, startup), memory, longest


def _longest(tasks: list[tuple[int, str]]) -> list[tuple[int, str]]:
    return sorted(tasks, key=itemgetter(0), reverse=True)[:MOST]


def _long_tasks(tasks: list[tuple[int, str]]) -> tuple[LongTask, ...]:
    from processing_pool._stats import LongTask

    return tuple(LongTask(ns / 1e9, text) for ns, text in tasks)


def _sum(parts: list[Figures]) -> Figures:
    tasks, memory = sum(part[2] for part in parts), sum(part[6] for part in parts)
    busy, idle = sum(part[3] for part in parts), sum(part[4] for part in parts)
    longest = _longest([task for part in parts for task in part[7]])
    return -1, None, tasks, busy, idle, sum(part[5] for part in parts), memory, longest
