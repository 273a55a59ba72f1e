"""The iterator that ``imap`` and ``imap_unordered`` return."""

from __future__ import annotations

import os
import weakref
from abc import ABCMeta
from collections import deque
from collections.abc import AsyncIterator, Iterator

from processing_core import TimeoutError
from processing_core.annotations import Any, Generic, Protocol, TypeVar
from processing_core.lowlevel import ThreadRLock, checked_timeout
from processing_pool._engine.collector import Target
from processing_pool._jobs.imap import ImapJob
from processing_pool._messages import Failed
from processing_pool._outcomes import raised_by_iterator

__all__ = ["IMapIterator"]

R = TypeVar("R")

_NOT_YET, _OVER = object(), object()
"""In the place of a result that is not there."""


class IteratorOwner(Protocol):
    """The engine, as an iterator sees it."""

    async def wait_async(self, target: Target, timeout: float | None = None) -> bool:
        """As `wait`, in a task of an event loop."""

    drains: bool
    """Whether what was submitted is done before the program ends."""

    def wait(self, target: Target, timeout: float | None = None) -> bool:
        """Wait until ``target`` is ready; return whether it is in time."""

    def collect_now(self) -> None:
        """Receive the results that have come, if no thread waits for them.  Does not wait."""


class IMapIterator(Generic[R], metaclass=ABCMeta):  # those of threads are registered
    """The results of ``imap`` and ``imap_unordered``.

    Thread-safe; belongs to the process of its pool, and keeps the pool alive.

    If it is dropped before its first `next`, all items are run, and the results are not kept. If it is dropped later,
    no more items are taken from the iterable until the pool is closed, which runs the rest. `close` drops items that
    were not begun.
    """

    _set_length: object = None  # what a program enters with the job of an iterator that it has made itself

    def __init__(self, owner: IteratorOwner | object, pool: object = None, job: ImapJob | None = None) -> None:
        if job is None:  # `IMapIterator(pool)`: the program enters its job later, as in `_task_queue`
            self._job: Any = self
        else:
            self._begin(owner, pool, job)  # type: ignore[arg-type]

    def _begin(self, owner: IteratorOwner, pool: object, job: ImapJob) -> None:
        self._owner = owner
        self._pool = pool
        self._job = job
        self._rest: deque[Any] = deque()  # of what was taken last; none stays that was given
        self._guard = ThreadRLock()  # guards the taking from the job; any thread may pop what is in _rest
        self._pid = os.getpid()
        self._abandon = weakref.finalize(self, _abandon, weakref.ref(job), pool if owner.drains else None, self._pid)
        self._abandon.atexit = False

    def __iter__(self) -> Iterator[R]:
        return self

    def __aiter__(self) -> AsyncIterator[R]:
        return self

    async def __anext__(self) -> R:
        return await self.next_async()

    def close(self) -> None:
        """Drop the rest: no more items are taken from the iterable, and queued ones are not begun. Does not block."""
        if self._abandon.alive and os.getpid() == self._pid:
            self._job.drop()
        self._abandon.detach()  # after it: a close that was interrupted is done by the next, or by the finalizer

    @property
    def _index(self) -> int:
        """How many items have an outcome: programs show by it how far the job is."""
        self._owner.collect_now()
        return self._job.counts().done  # type: ignore[no-any-return]

    @property
    def _length(self) -> int | None:
        """How many items there are; ``None`` until the iterable is at its end."""
        return self._job.length()  # type: ignore[no-any-return]

    def _flush_progress(self) -> None:
        if self._job.options.progress is not None:
            from processing_pool._progress.display import flush

            flush()

    def next(self, timeout: float | None = None) -> R:
        """The next result.

        Blocks until it is there; signal handlers run, and Ctrl-C interrupts it.

        :param timeout: seconds; ``None`` waits for ever.
        :raises TimeoutError: if it was not there in time.
        :raises StopIteration: if there are no more.
        :raises RuntimeError: if the task raised `StopIteration` or `StopAsyncIteration`.
        :raises BaseException: what the task raised; the next call returns the next result.
        """
        try:
            found = self._rest.popleft()
        except IndexError:
            found = _NOT_YET
        if found is _NOT_YET:
            found = self._awaited(timeout)
        if type(found) is not Failed:
            return found  # type: ignore[no-any-return]
        try:
            return _given(found)  # type: ignore[no-any-return]
        finally:
            del found  # else the exception and the traceback with this frame would refer to each other

    __next__ = next  # noqa: A003

    def _awaited(self, timeout: float | None) -> Any:
        while (found := self._next_now()) is _NOT_YET:
            if not self._owner.wait(self._job, checked_timeout(timeout)):
                raise TimeoutError(f"the next result was not there after {timeout} s")
        if found is _OVER:
            self._flush_progress()
            raise StopIteration
        return found

    async def next_async(self, timeout: float | None = None) -> R:
        """The next result: `next`, awaited in a task of an event loop; ``async for`` calls it.

        A cancelled call has taken none.

        :param timeout: seconds; ``None`` waits for ever.
        :raises TimeoutError: if it was not there in time.
        :raises StopAsyncIteration: if there are no more.
        :raises RuntimeError: if the task raised `StopIteration` or `StopAsyncIteration`.
        :raises BaseException: what the task raised; the next call returns the next result.
        """
        while (found := self._next_now()) is _NOT_YET:
            if not await self._owner.wait_async(self._job, checked_timeout(timeout)):
                raise TimeoutError(f"the next result was not there after {timeout} s")
        if found is _OVER:
            self._flush_progress()
            raise StopAsyncIteration
        try:
            return _given(found)  # type: ignore[no-any-return]
        finally:
            del found  # else the exception and the traceback with this frame would refer to each other

    def _next_now(self) -> Any:
        """The next result, taken; `_NOT_YET` if it is not there, `_OVER` if there are no more."""
        with self._guard:
            if not self._rest:
                if not self._job.is_ready():
                    return _NOT_YET
                if self._job.is_over():
                    return _OVER
                self._rest.extend(self._job.take())
            try:
                return self._rest.popleft()
            except IndexError:  # another thread was quicker
                return _NOT_YET


def _abandon(job: weakref.ref[ImapJob], pool: object, pid: int) -> None:
    found = job()
    if found is not None and os.getpid() == pid:  # in a forked child, the job is the parent's
        found.keep(pool)
        found.abandon()


def _given(value: Any) -> Any:
    if type(value) is not Failed:
        return value
    try:
        raise raised_by_iterator(value.error)
    finally:
        value = None
