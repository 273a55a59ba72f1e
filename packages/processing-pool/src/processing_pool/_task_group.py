"""``TaskGroup``: tasks of a pool that end together.

A failure is noticed by the group's *alarm*, which every result wakes when it is there: in an event loop the alarm has
the loop call `_look`, otherwise it wakes the thread that waits in ``__exit__``.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from processing_core.annotations import TYPE_CHECKING, Any, ParamSpec, Protocol, Self, TypeVar
from processing_core.lowlevel import BUSY, BodyScope, LoopAlarm, LoopWatch, current_waiter, until
from processing_pool._engine.collector import Target
from processing_pool._jobs.result import AsyncResult

if TYPE_CHECKING:
    from processing_pool._engine.engine import Engine

__all__ = ["TaskGroup"]

P = ParamSpec("P")
R = TypeVar("R")


class PoolOfGroup(Protocol):
    """The pool, as its group sees it."""

    _engine: Engine

    def apply_async(self, func: Callable[..., R], args: Any = (), kwds: Any = None) -> AsyncResult[R]:
        """As `Pool.apply_async`."""


class TaskGroup:
    """Tasks that end together: `Pool.task_group` makes one.

    At the end of the ``with`` or ``async with`` block it waits for all tasks that were submitted. The first that fails
    has the others cancelled, those that run included, as `AsyncResult.cancel` does; in ``async with`` the rest of the
    block is cancelled, too, whereas the block of a ``with`` runs to its end. What the block and the tasks raised is
    raised together, as an :exc:`ExceptionGroup`. If the block is cancelled, all tasks are.
    """

    def __init__(self, pool: PoolOfGroup) -> None:
        self._pool = pool
        self._results: list[AsyncResult[Any]] = []
        self._alarm: _Finish | LoopAlarm | None = None
        self._scope: BodyScope | None = None
        self._failed = False

    def submit(self, func: Callable[P, R], /, *args: P.args, **kwds: P.kwargs) -> AsyncResult[R]:
        """Begin ``func(*args, **kwds)`` in a worker.  Does not block.

        :return: the result to come.
        :raises RuntimeError: if the group has not been entered, has ended, or a task of it has failed.
        """
        alarm = self._alarm  # once: another thread may end the group
        if alarm is None:
            raise RuntimeError(f"{self!r} is not entered, or has ended")
        if self._failed:
            raise RuntimeError(f"{self!r} is ending, because a task has failed")
        result = self._pool.apply_async(func, args, kwds)
        self._results.append(result)
        result.waiters.append(alarm)
        if result.ready():
            alarm.release()
        return result

    # -- in a thread

    def __enter__(self) -> Self:
        self._check_new()
        self._alarm = _Finish(self._is_over)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        alarm = self._alarm
        assert isinstance(alarm, _Finish)
        try:
            if error is None:
                self._pool._engine.wait(alarm)
            self._look()
        finally:
            self._cancel_all()
            self._alarm = None
        self._raise(error)

    # -- in an event loop

    async def __aenter__(self) -> Self:
        self._check_new()
        self._alarm = alarm = LoopAlarm()
        self._scope = BodyScope()
        self._scope.enter()
        self._reports = LoopWatch(current_waiter(), alarm.observe, self._look_in_loop)
        self._reports.again()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        scope, alarm = self._scope, self._alarm
        assert scope is not None and isinstance(alarm, LoopAlarm)
        try:
            if error is None:
                try:
                    await until(lambda: self._is_over() or BUSY, alarm.observe, one=False)
                except BaseException as raised:
                    error = raised
            self._look()
        finally:
            self._reports.stop()
            self._cancel_all()
            self._alarm = None
        if scope.exit(error):  # it was the group's own cancellation
            error = None
        self._raise(error)
        return True

    def _look_in_loop(self) -> None:
        self._reports.again()
        self._look()
        if self._failed and self._scope is not None:
            self._scope.cancel()

    # -- both

    def _check_new(self) -> None:
        if self._alarm is not None or self._results:
            raise RuntimeError(f"{self!r} has been entered already")

    def _is_over(self) -> bool:
        """Whether all tasks have ended, or one has failed."""
        return all(map(AsyncResult.ready, self._results)) or any(map(_has_failed, self._results))

    def _look(self) -> None:
        """If a task has failed, cancel the others."""
        if not self._failed and any(map(_has_failed, self._results)):
            self._failed = True
            self._cancel_all()

    def _cancel_all(self) -> None:
        for result in self._results:
            result.cancel()

    def _raise(self, error: BaseException | None) -> None:
        """Raise what the block and the tasks raised."""
        if error is not None and not isinstance(error, (Exception, BaseExceptionGroup)):
            raise error  # a cancellation, or the end of the program
        errors: list[BaseException] = [] if error is None else [error]
        errors += [_error_of(result) for result in self._results if _has_failed(result)]
        try:
            if errors:
                raise BaseExceptionGroup("errors in a task group", errors)
        finally:
            del errors, error


class _Finish(Target):
    """What the thread waits for in ``__exit__``; results wake it as if it were a thread."""

    def __init__(self, is_over: Callable[[], bool]) -> None:
        super().__init__()
        self._is_over = is_over

    def is_ready(self) -> bool:
        """Whether the wait is over."""
        return self._is_over()

    def release(self) -> None:
        """A result is there."""
        self.wake()


def _has_failed(result: AsyncResult[Any]) -> bool:
    return result.ready() and not result.successful() and not result.cancelled()


def _error_of(result: AsyncResult[Any]) -> BaseException:
    try:
        result.get()
    except BaseException as error:
        return error
    raise AssertionError
