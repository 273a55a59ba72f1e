"""The jobs of a pool by their ids."""

from __future__ import annotations

from collections.abc import Callable

from processing_core.annotations import TYPE_CHECKING, Any
from processing_pool._jobs.item_times import ItemTimes

if TYPE_CHECKING:
    from processing_pool._engine.job import Job, Unwatched

__all__ = ["JobTable"]


class JobTable:
    """The jobs of one pool.

    A job is in ``by_id`` from before its first message is sent until its last outcome has come.  Every change is a
    single operation on a dictionary or a set, so no lock guards them.

    :param changed: is called when a job may have been the last of a closed pool.
    :param collect: is called when outcomes must be collected although no thread waits for them.
    """

    def __init__(self, changed: Callable[[], object], collect: Callable[[], object]) -> None:
        self.by_id: dict[int, Any] = {}
        self.timed: dict[object, float] = {}  # the jobs and calls with a timeout, and its seconds
        self.failed = self.retried = 0  # tasks whose outcome is an error; how often one was run again
        self.item_times: ItemTimes = ItemTimes()  # of maps
        self.changed = changed
        self._collect = collect
        self._unwatched: set[Unwatched] = set()
        self._permanent: frozenset[int] = frozenset()

    def add_permanent(self, jobs: dict[int, Job]) -> None:
        """Add jobs that are there as long as the pool is."""
        self.by_id.update(jobs)
        self._permanent |= jobs.keys()

    def temporary(self) -> dict[int, Any]:
        """The jobs that leave when they are done."""
        return {job_id: job for job_id, job in list(self.by_id.items()) if job_id not in self._permanent}

    def is_empty(self) -> bool:
        """Whether every job that leaves when it is done has left."""
        return len(self.by_id) == len(self._permanent)

    def leave(self, job: Any) -> None:
        """A job has nothing more to get."""
        self.by_id.pop(job.job_id, None)
        self.timed.pop(job, None)
        self._unwatched.discard(job)

    def collect_unwatched(self, job: Unwatched) -> None:
        """Let the outcomes of a job be collected whose iterator is gone.  A finalizer may call it."""
        self._unwatched.add(job)
        if job.job_id not in self.by_id:  # it has left meanwhile
            self._unwatched.discard(job)
        self._collect()

    def needs_collecting(self) -> bool:
        """Whether outcomes will come of a job whose iterator is gone."""
        return any(job.needs_collecting() for job in list(self._unwatched))

    def resend(self, job_id: int, index: int, n: int) -> None:
        """Let a job send items again."""
        job = self.by_id.get(job_id)
        if job is not None:
            job.resend(index, n)

    def timeout_of(self, job_id: int, index: int) -> float | None:
        """Seconds that a task may run; ``None`` for no end."""
        job = self.by_id.get(job_id)
        timeout: float | None = None if job is None else job.timeout_of(index)
        return timeout

    def priority_of(self, job_id: int, index: int) -> int:
        """The priority of a task."""
        job = self.by_id.get(job_id)
        priority: int = 0 if job is None else job.priority_of(index)
        return priority

    def close(self) -> None:
        """Notify every job that the pool was closed."""
        for job in list(self.by_id.values()):
            job.close()

    def withdraw(self) -> None:
        """Notify every job that what was not begun is not wanted."""
        for job in list(self.by_id.values()):
            job.withdraw()

    def abort(self, error: BaseException) -> None:
        """Notify every job that no further outcome will arrive."""
        for job in list(self.by_id.values()):
            job.abort(error)
