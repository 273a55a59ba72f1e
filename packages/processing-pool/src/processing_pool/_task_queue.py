"""``_taskqueue``, the queue of ``multiprocessing``'s pools to which programs look, or add jobs of their own.

They ask it how many tasks wait, to bound them, for which `Pool` has no public name.  And they enter an iterator of
results there, to have ``imap`` take several arguments, as `Pool.map` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from processing_core.annotations import Any, NamedTuple

__all__ = ["TaskQueue", "Tasks", "batches"]


class Tasks(NamedTuple):
    """The tasks of a job that a program enters itself."""

    job: Any
    """An `IMapIterator` that was made by ``IMapIterator(pool)``."""
    function: Callable[..., Any]
    items: Iterable[Any]


class TaskQueue:
    """The calls and jobs of a pool that wait for a worker."""

    __slots__ = ("_pool",)

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    def qsize(self) -> int:
        """How many calls and jobs are not done, beyond one for each worker.

        A job whose iterator the program has dropped does not count: it may rest until the pool is closed.
        """
        engine = self._pool._engine
        jobs = [job for job in engine.jobs.temporary().values() if not getattr(job, "unwanted", False)]
        waiting: int = len(engine.calls.pending) + len(jobs) - engine.size
        return max(0, waiting)

    def empty(self) -> bool:
        """Whether there are none."""
        return self.qsize() == 0

    def put(self, tasks_and_length: tuple[Tasks, object]) -> None:
        """Begin a job, whose results its iterator gives in order.

        :raises TypeError: if it is no job of an ``IMapIterator(pool)``.
        """
        tasks = tasks_and_length[0]
        begin = getattr(getattr(tasks, "job", None), "_begin", None)
        if begin is None:
            raise TypeError("only the tasks of an IMapIterator(pool) can be put into a pool's task queue")
        results = self._pool.imap(tasks.function, tasks.items)
        results._abandon.detach()  # the program's own iterator goes on with the job
        begin(results._owner, results._pool, results._job)


def batches(function: Callable[..., Any], items: Iterable[Any], size: int) -> Iterator[Any]:
    """Batches of ``size`` items, each with the function."""
    remaining = iter(items)
    while batch := tuple(islice(remaining, size)):
        yield function, batch
