"""Futures: the results of calls as :mod:`concurrent.futures` gives them.

A future is resolved by the thread that collects, and a thread that waits for its result collects.  Callbacks run in the
pool's background thread, so that none keeps results from others.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from concurrent.futures import Future as Future
from concurrent.futures._base import CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED
from functools import partial

from processing_core.annotations import Any, TypeVar
from processing_core.lowlevel import ScopeGuard, ThreadFuture, ThreadRLock
from processing_pool._engine.engine import Engine
from processing_pool._errors import TaskCancelled
from processing_pool._jobs.result import AsyncResult
from processing_pool._options import Options

__all__ = ["Future", "submitted"]

R = TypeVar("R")

DONE = (FINISHED, CANCELLED_AND_NOTIFIED, CANCELLED)
LONGEST_HOLD = 10.0
"""Seconds after which the thread that holds a future is taken to hold it for ever."""


class _Result(AsyncResult[R]):
    """The result that a future is of."""

    __slots__ = ("future",)

    def __init__(self, engine: Engine, pool: object, task: Any, options: Options, future: _Future[R]) -> None:
        super().__init__(engine, pool, task, options)
        self.future: _Future[R] | None = future

    def _finish(self, ok: bool, value: Any) -> None:
        future = self.future
        if future is not None and not future.set_outcome(ok, value):
            self._owner.call_back(future)  # before there is an outcome: what is interrupted until then is done again
        super()._finish(ok, value)
        self.future = None  # so that they do not keep each other, and what may be large
        self._owner.notify(self)

    @property
    def outcome(self) -> tuple[bool, Any] | None:
        """Whether there is a result, and the result or the error."""
        return self._outcome


class _Condition(ThreadRLock):  # type: ignore[misc]  # final only for the checkers
    """In place of a future's condition: nothing waits for it, for those that wait for the future wait for its task."""

    def notify_all(self) -> None:
        """Do nothing."""


class _Future(ThreadFuture[R]):
    """A future whose task can be stopped; a thread that waits for it collects.

    The thread that collects may be the main thread, and be interrupted anywhere: all that it does here can be done
    again. The pool's background thread does what cannot.
    """

    def __init__(self, engine: Engine, pool: object, task: Any, options: Options) -> None:
        super().__init__()
        self._condition = _Condition()
        self.of: _Result[R] = _Result(engine, pool, task, options, self)
        self._engine = engine
        self._told = False

    def set_outcome(self, ok: bool, value: Any) -> bool:
        """The outcome is known.  Does not wait.

        :return: ``False`` if `run_callback` is to be called: others must be told, or another thread is at the future.
        """
        with ScopeGuard(partial(self._condition.acquire, False), self._condition.release) as is_free:
            if is_free:
                self._set(ok, value)
                return not (self._waiters or self._done_callbacks)  # type: ignore[attr-defined]
        return False

    def _set(self, ok: bool, value: Any) -> None:
        if self._state in DONE:
            return
        if ok:
            self._result = value
        elif not isinstance(value, TaskCancelled):
            self._exception = value
        else:
            self._state = CANCELLED_AND_NOTIFIED
            return
        self._state = FINISHED

    def run_callback(self) -> None:
        """In the background thread: tell the threads that wait for several futures, and call the callbacks."""
        if self._condition.acquire(False):
            self._tell(held=True)
        else:  # perhaps for ever, by a thread that a signal handler interrupted in `concurrent.futures.wait`
            self._engine.callback_thread.run_aside(self._wait_and_tell)

    def _wait_and_tell(self) -> None:
        self._tell(held=self._condition.acquire(True, LONGEST_HOLD))

    def _tell(self, held: bool) -> None:
        try:
            if self._told:
                return
            self._told = True
            assert self.of.decided is not None
            self._set(*self.of.decided)
            for waiter in self._waiters:
                _tell_waiter(waiter, self)
        finally:
            if held:
                self._condition.release()
        self._invoke_callbacks()  # type: ignore[attr-defined]

    def cancel(self) -> bool:
        return self.cancelled() or (self.of.cancel() and (self.cancelled() or not self.done()))

    def cancelled(self) -> bool:
        return self.of.cancelled() or self._state in (CANCELLED, CANCELLED_AND_NOTIFIED)

    def done(self) -> bool:
        return self.of.ready() or self._state in DONE

    def running(self) -> bool:
        return not self.done() and self._engine.is_running(self.of)

    def result(self, timeout: float | None = None) -> R:
        error = self.exception(timeout)
        try:
            if error is not None:  # also if it is false, which older interpreters take for none
                raise error
            outcome = self.of.outcome
            result: Any = self._result if outcome is None else outcome[1]
            return result  # type: ignore[no-any-return]
        finally:
            del self, error  # otherwise they and the traceback with this frame would keep each other

    def exception(self, timeout: float | None = None) -> BaseException | None:
        if not self.done():
            self.of.wait(timeout)
        if self.cancelled():
            raise concurrent.futures.CancelledError
        outcome = self.of.outcome
        if outcome is not None:
            return None if outcome[0] else outcome[1]
        if self._state in DONE:  # set by another
            return self._exception
        raise concurrent.futures.TimeoutError


def _tell_waiter(waiter: Any, future: _Future[Any]) -> None:
    """As :mod:`concurrent.futures` does."""
    if future._state != FINISHED:
        waiter.add_cancelled(future)
    elif future._exception is not None:
        waiter.add_exception(future)
    else:
        waiter.add_result(future)


_Future.__name__ = _Future.__qualname__ = "Future"  # for reprs


def submitted(
    engine: Engine,
    pool: object,
    options: Options,
    fn: Callable[..., R],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Future[R]:
    """The future of a call that has begun."""
    future: _Future[R] = _Future(engine, pool, (fn, args, kwargs), options)
    engine.call(future.of)
    engine.collect_for(future.of)
    return future
