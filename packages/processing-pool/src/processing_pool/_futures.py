"""Futures: the results of calls as :mod:`concurrent.futures` gives them.

A future is resolved by the thread that collects, and a thread that waits for its result collects.  Callbacks run in the
pool's background thread, so that none keeps results from others.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from concurrent.futures import Future as Future
from concurrent.futures._base import CANCELLED

from processing_core.annotations import Any, TypeVar
from processing_pool._engine.engine import Engine
from processing_pool._errors import TaskCancelled
from processing_pool._jobs.result import AsyncResult
from processing_pool._options import Options

__all__ = ["Future", "submitted"]

R = TypeVar("R")


class _Result(AsyncResult[R]):
    """The result that a future is of."""

    __slots__ = ("future",)

    def __init__(self, engine: Engine, pool: object, task: Any, options: Options, future: _Future[R]) -> None:
        super().__init__(engine, pool, task, options)
        self.future: _Future[R] | None = future

    def _calls_back(self, ok: bool) -> bool:
        future = self.future
        return future is not None and future.has_callbacks

    def _finish(self, ok: bool, value: Any) -> None:
        future = self.future
        if future is not None:
            future.resolve(ok, value)  # first: what is interrupted is done again as long as there is no outcome
        self.publish(ok, value)

    def publish(self, ok: bool, value: Any) -> None:
        """Wake the threads that wait for the future.  Called also by the future, before its callbacks run."""
        super()._finish(ok, value)
        self.future = None  # so that they do not keep each other, and what may be large
        self._owner.notify(self)


class _Future(Future[R]):
    """A future whose task can be stopped; a thread that waits for it collects."""

    def __init__(self, engine: Engine, pool: object, task: Any, options: Options) -> None:
        super().__init__()
        self.has_callbacks = False
        self.of: _Result[R] = _Result(engine, pool, task, options, self)
        self._engine = engine

    def resolve(self, ok: bool, value: Any) -> None:
        """The outcome is known.  Several threads may say so at once; an interrupted call is done again."""
        try:
            if ok:
                self.set_result(value)
            elif not isinstance(value, TaskCancelled):
                self.set_exception(value)
            elif super().cancel():
                self._notify_cancelled()
        except concurrent.futures.InvalidStateError:
            pass  # another thread has just said the same

    def _notify_cancelled(self) -> None:
        """Wake the threads that wait for several futures; exactly once."""
        with self._condition:
            if self._state == CANCELLED:
                self.set_running_or_notify_cancel()

    def cancel(self) -> bool:
        return self.cancelled() or (self.of.cancel() and (self.cancelled() or not self.done()))

    def running(self) -> bool:
        return not self.done() and self._engine.is_running(self.of)

    def result(self, timeout: float | None = None) -> R:
        self._collect(timeout)
        error: BaseException | None = self._exception
        try:
            if error is not None:  # also if it is false, which older interpreters take for none
                raise error
            return super().result(0 if timeout is not None else None)
        finally:
            del self, error  # otherwise they and the traceback with this frame would keep each other

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self._collect(timeout)
        return super().exception(0 if timeout is not None else None)

    def add_done_callback(self, fn: Callable[[Future[R]], object]) -> None:
        self.has_callbacks = True
        super().add_done_callback(fn)

    def _invoke_callbacks(self) -> None:
        """Called once there is an outcome: a thread that waits for it need not wait for the callbacks."""
        if self.has_callbacks and (outcome := self.of.decided) is not None:
            self.of.publish(*outcome)
        super()._invoke_callbacks()  # type: ignore[misc]

    def _collect(self, timeout: float | None) -> None:
        if not self.done():
            self.of.wait(timeout)


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
