"""Private attributes of ``multiprocessing``'s `JoinableQueue` that programs read: ours has them, too.

They serve to join with a timeout, and to see whether all items are done, for which `JoinableQueue` has no public names.
"""

from __future__ import annotations

from collections.abc import Callable

from processing_core.annotations import Any

__all__ = ["AllFinished", "UnfinishedTasks"]


class UnfinishedTasks:
    """``_unfinished_tasks``: a semaphore, and its ``_semlock``, whose value is the number of unfinished items."""

    __slots__ = ("_queue",)

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    @property
    def _semlock(self) -> UnfinishedTasks:
        return self

    def get_value(self) -> int:
        """How many items that were put are not finished."""
        return self._get_value()

    def locked(self) -> bool:
        """Whether all are finished."""
        return self._is_zero()

    def _get_value(self) -> int:
        count: int = self._queue._unfinished()
        return count

    def _is_zero(self) -> bool:
        return self._get_value() == 0


class AllFinished:
    """``_cond``: the condition that all items are finished.  Nothing is held inside its ``with`` block."""

    __slots__ = ("_queue",)

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    def __enter__(self) -> bool:
        return True

    def __exit__(self, *_: object) -> None:
        pass

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Do nothing: there is no lock."""
        return True

    def release(self) -> None:
        """Do nothing."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all items are finished; return whether they were in time."""
        finished: bool = self._queue._join(timeout)
        return finished

    def wait_for(self, predicate: Callable[[], object], timeout: float | None = None) -> object:
        """Wait until all items are finished; return what the predicate says then."""
        return predicate() or (self.wait(timeout) and predicate())

    def notify(self, n: int = 1) -> None:
        """Do nothing: the queue itself wakes those that wait."""

    def notify_all(self) -> None:
        """Do nothing, likewise."""
