"""Results of a pool of threads: to come, or to iterate over."""

from __future__ import annotations

import collections
import itertools
import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as _NotYet

from processing_core import ClosedError, TimeoutError
from processing_core.annotations import Any, Generic, Self, TypeVar
from processing_core.lowlevel import ThreadFuture, ThreadLock
from processing_pool import AsyncResult as _AsyncResult
from processing_pool import IMapIterator as _IMapIterator
from processing_pool import TaskCancelled

__all__ = ["AsyncResult", "Callback", "ErrorCallback", "IMapIterator", "together", "when_done"]

R = TypeVar("R")

Callback = Callable[[R], object] | None
ErrorCallback = Callable[[BaseException], object] | None


def when_done(future: Future[R], function: Callable[[Future[R]], object]) -> None:
    """Call ``function(future)`` in the thread that finishes the future, or in this one if it is done already.

    What the function raises in this thread is raised here. `Future.add_done_callback` logs it, and would keep from the
    caller what a signal handler raises meanwhile, who would wait for ever for what the function had still to do.
    """
    with future._condition:  # as long as it is held, no thread finishes the future
        if not future.done():
            future.add_done_callback(function)
            return
    function(future)


@_AsyncResult.register
class AsyncResult(Generic[R]):
    """A result to come, of ``apply_async`` and the like.  Thread-safe."""

    def __init__(
        self,
        future: Future[R],
        callback: Callback[R] = None,
        error_callback: ErrorCallback = None,
        tasks: Sequence[Future[Any]] | None = None,
    ) -> None:
        self._future: Future[R] = ThreadFuture()
        self._callback, self._error_callback = callback, error_callback
        self._tasks = [future] if tasks is None else tasks
        self._was_cancelled = False
        when_done(future, self._finish)

    def get(self, timeout: float | None = None) -> R:
        """The result.  Blocks until it is there.

        :param timeout: seconds; ``None`` waits for ever.
        :raises TimeoutError: if it was not there in time.
        :raises BaseException: what the task raised.
        """
        self.wait(timeout)
        if not self.ready():
            raise TimeoutError
        error = self._future.exception()
        try:
            if error is not None:  # also if it is false, which older interpreters take for none
                raise error
            return self._future.result()
        finally:
            del self, error  # otherwise they and the traceback with this frame would keep each other

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it is there.  Blocks.

        :param timeout: seconds; ``None`` waits for ever.
        """
        is_done_in(self._future, timeout)

    def cancel(self) -> bool:
        """Let what has not begun not begin; a thread that runs cannot be stopped.  Does not block.

        :return: whether there was any: then the result will be a :exc:`TaskCancelled`, when what runs has ended.
        """
        if self.ready():
            return False
        before, self._was_cancelled = self._was_cancelled, True
        found = sum([task.cancel() for task in self._tasks if not task.done()]) > 0
        self._was_cancelled = before or found
        return found

    def cancelled(self) -> bool:
        """Whether it was cancelled.  Does not block."""
        return self.ready() and isinstance(self._future.exception(), TaskCancelled)

    def ready(self) -> bool:
        """Whether it is there.  Does not block."""
        return self._future.done()

    def successful(self) -> bool:
        """Whether the task raised nothing.  Does not block.

        :raises ValueError: if it is not done.
        """
        if not self.ready():
            raise ValueError(f"{self!r} not ready")
        return self._future.exception() is None

    _event: Any = _AsyncResult._event  # a property that needs `ready` and `wait` alone

    @property
    def _value(self) -> Any:
        """The value or the error, as libraries look at it; ``None`` until it is there."""
        if not self.ready():
            return None
        return self._future.result() if self._success else self._future.exception()

    @property
    def _success(self) -> bool:
        """Whether nothing is known to have failed."""
        return not self.ready() or self._future.exception() is None

    @property
    def _number_left(self) -> int:
        """How many tasks are not done: programs show by it how far a map is."""
        return sum(not task.done() for task in self._tasks)

    @property
    def _chunksize(self) -> int:
        """How many items `_number_left` counts as one."""
        return 1

    def _finish(self, future: Future[R]) -> None:
        error = _error_of(future)
        if self._was_cancelled and isinstance(error, ClosedError):
            error = TaskCancelled("the task was cancelled")
        try:
            if error is not None and self._error_callback is not None:
                self._error_callback(error)
            elif error is None and self._callback is not None:
                self._callback(future.result())
        finally:
            if error is None:
                self._future.set_result(future.result())
            else:
                self._future.set_exception(error)


@_IMapIterator.register
class IMapIterator(Generic[R]):
    """Iterates over results as they come; of ``imap`` and ``imap_unordered``."""

    def __init__(self, futures: Iterator[Future[R]], window: int, ordered: bool) -> None:
        self._futures: Iterator[Future[R]] | None = futures  # None: all of them are under way, or done
        self._ordered = ordered
        self._guard = ThreadLock()  # guards pulling from `_futures`
        self._due: collections.deque[Future[R]] = collections.deque()  # in order
        self._done: queue.SimpleQueue[Future[R]] = queue.SimpleQueue()
        self._under_way = self._given = 0
        for _ in range(window):
            self._pull()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> R:
        return self.next()

    def next(self, timeout: float | None = None) -> R:
        """The next result.  Blocks until it is there.

        :param timeout: seconds; ``None`` waits for ever.
        :raises TimeoutError: if it was not there in time.
        :raises StopIteration: if there is none.
        :raises RuntimeError: if its task raised `StopIteration`.
        :raises BaseException: what its task raised.
        """
        if not self._under_way:
            raise StopIteration
        try:
            future = self._next_in_order(timeout) if self._ordered else self._done.get(timeout=timeout)
        except (queue.Empty, _NotYet):
            raise TimeoutError from None
        self._under_way -= 1
        self._given += 1
        self._pull()
        error = _error_of(future)
        if error is not None:
            from processing_pool.lowlevel import raised_by_iterator  # here, for few tasks fail

            raise raised_by_iterator(error)
        return future.result()

    def _next_in_order(self, timeout: float | None) -> Future[R]:
        if not is_done_in(self._due[0], timeout):
            raise _NotYet
        return self._due.popleft()

    @property
    def _index(self) -> int:
        """How many items are done: programs show by it how far the job is."""
        waiting = sum(future.done() for future in list(self._due)) if self._ordered else self._done.qsize()
        return self._given + waiting

    def begun(self) -> bool:
        """Whether there is something left to pull.  Does not block."""
        return self._futures is not None

    def pull_all(self) -> None:
        """Take the remaining items from the iterable."""
        while self._pull():
            pass

    def stop(self) -> None:
        """Pull nothing more."""
        with self._guard:
            self._futures = None

    def _pull(self) -> bool:
        with self._guard:
            future = None if self._futures is None else next(self._futures, None)
            if future is None:
                self._futures = None
                return False
            self._under_way += 1
            if self._ordered:
                self._due.append(future)
        if not self._ordered:
            when_done(future, self._done.put)
        return True


def is_done_in(future: Future[Any], timeout: float | None) -> bool:
    """Wait until a future is done; return whether it was, in time."""
    try:
        future.exception(timeout)
    except CancelledError:
        pass
    except _NotYet:
        return False
    return True


def together(futures: list[Future[R]], return_exceptions: bool) -> Future[Any]:
    """A future of all results, which is done when all futures are."""
    whole: Future[list[Any]] = ThreadFuture()
    left = itertools.count(len(futures) - 1, -1)
    guard = ThreadLock()  # guards `left`

    def finish(_: object) -> None:
        with guard:
            if next(left) > 0:
                return
        errors = [_error_of(future) for future in futures]
        error = next((error for error in errors if error is not None), None)
        if error is None or (return_exceptions and not isinstance(error, ClosedError)):
            pairs = zip(errors, futures, strict=True)
            whole.set_result([future.result() if error is None else error for error, future in pairs])
        else:
            whole.set_exception(error)

    for future in futures:
        when_done(future, finish)
    if not futures:
        whole.set_result([])
    return whole


def _error_of(future: Future[Any]) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError:
        return ClosedError("the pool was terminated before this was done")
