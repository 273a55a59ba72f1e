"""What the workers of a pool have done: the figures in their claims, and those of workers that have ended."""

from __future__ import annotations

import time

from processing_core.annotations import Any
from processing_pool._platform import resident
from processing_pool._stats import LongTask, PoolStats, WorkerStats, longest_of
from processing_pool._supervision.claim_table import ClaimTable

__all__ = ["Statistics"]


class Statistics:
    """The sums of the workers that have ended, and when the others were started.

    The supervisor's thread, and the one that makes the pool, write it; any thread may read it.
    """

    def __init__(self) -> None:
        self._begun: dict[int, float] = {}  # by worker id
        self._ended: list[WorkerStats] = []  # their sum, if any have ended
        self._deaths = self._started = 0

    def start(self, worker_id: int) -> None:
        """A worker is about to be started."""
        self._begun[worker_id] = time.monotonic()
        self._started += 1

    def end(self, worker_id: int, process: Any, claims: ClaimTable, *, died: bool) -> None:
        """A worker has ended, and its claim is about to be cleared."""
        figures = self._of(worker_id, process, claims)._replace(memory=0)
        self._ended = [_sum([*self._ended, figures])]
        self._begun.pop(worker_id, None)
        self._deaths += died

    def read(self, processes: list[Any], claims: ClaimTable | None) -> PoolStats:
        """All figures, but for those that only the jobs and the rings have."""
        workers = [
            self._of(worker_id, process, claims)
            for worker_id, process in enumerate(processes)
            if process is not None and claims is not None
        ]
        sums = _sum([*self._ended, *workers])
        counts = sums.tasks, 0, 0, self._deaths, self._started
        return PoolStats(tuple(workers), *counts, sums.busy, sums.idle, sums.startup, sums.memory, 0, 0, sums.longest)

    def _of(self, worker_id: int, process: Any, claims: ClaimTable) -> WorkerStats:
        done, idle, idle_since, ready, *_ = claims.figures(worker_id)
        now = time.monotonic()
        begun = self._begun.get(worker_id, now)
        startup = (ready / 1e9 if ready else now) - begun
        if idle_since:
            idle += max(0, int(now * 1e9) - idle_since)
        busy = max(0.0, now - ready / 1e9 - idle / 1e9) if ready else 0.0
        longest = longest_of([LongTask(ns / 1e9, text) for ns, text in claims.longest(worker_id)])
        memory = resident(process.pid) if process.pid is not None else 0
        return WorkerStats(worker_id, process.pid, done, busy, idle / 1e9, max(0.0, startup), memory, longest)


def _sum(parts: list[WorkerStats]) -> WorkerStats:
    longest = longest_of([task for part in parts for task in part.longest])
    tasks, memory = sum(part.tasks for part in parts), sum(part.memory for part in parts)
    busy, idle = sum(part.busy for part in parts), sum(part.idle for part in parts)
    return WorkerStats(-1, None, tasks, busy, idle, sum(part.startup for part in parts), memory, longest)
