"""``AsyncResult``: what an asynchronous call returns at once."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable, Generator

from processing_core import TimeoutError
from processing_core.annotations import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from processing_core.lowlevel import checked_timeout
from processing_pool._engine.collector import Target, Waiter
from processing_pool._errors import TaskCancelled
from processing_pool._jobs.compatibility import ResultCompatibility
from processing_pool._options import Options

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

__all__ = ["AsyncResult"]

R = TypeVar("R")


if TYPE_CHECKING:

    class ResultOwner(Protocol):
        """The engine, as a result sees it."""

        deciding: AbstractContextManager[bool]
        """Guards what results are decided to be."""
        outstanding: set[Any]
        """The results that are collected although no thread waits for them."""

        def wait(self, target: Target, timeout: float | None = None) -> bool:
            """Wait until ``target`` is ready; return whether it is in time."""

        async def wait_async(self, target: Target, timeout: float | None = None) -> bool:
            """Wait in a task of an event loop until ``target`` is ready; return whether it is in time."""

        def notify(self, target: Target) -> None:
            """Wake the threads that wait for ``target``, which became ready without a row."""

        def cancel(self, result: Any) -> bool:
            """As :meth:`AsyncResult.cancel`."""

        def call_back(self, result: Any) -> None:
            """Call ``result.run_callback()`` in another thread, soon."""

    class Stoppable(Protocol):
        """The job that a result is of."""

        job_id: int

        def stop(self) -> None:
            """Send no more items."""

        def abort(self, error: BaseException) -> object:
            """End with an error: no further outcome will arrive."""


class AsyncResult(ResultCompatibility, Target, Generic[R], metaclass=ABCMeta):  # those of threads are registered
    """The result of ``apply_async`` or ``map_async``, which may still be awaited.

    Thread-safe; belongs to the process of its pool, and keeps the pool alive until the result is there.

    >>> import processing
    >>> with processing.Pool(2) as pool:  # doctest: +SKIP
    ...     pool.apply_async(pow, (2, 10)).get()
    1024
    """

    __slots__ = (
        "__dict__",
        "_callback",
        "_error_callback",
        "_outcome",
        "_owner",
        "_pool",
        "decided",
        "index",
        "job",
        "may_collect",
        "options",
        "packed",
        "task",
        "ticket",
    )

    def __init__(
        self,
        owner: ResultOwner,
        pool: object,
        task: Any,
        options: Options,
        callback: Callable[[R], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> None:
        self.waiters: list[Waiter] = []
        self._owner = owner
        self._pool = pool
        self.task: Any = task
        self.options: Options = options
        self.job: Stoppable | None = None  # of a map
        self.index: int = 0  # of a call
        self.ticket: int = 0  # of a call; the channel's
        self.packed: object = None  # of a call; the channel's
        self._callback = callback
        self._error_callback = error_callback
        # A callback runs before the result is there, and in the background.
        self.may_collect: bool = callback is None and error_callback is None
        self.decided: tuple[bool, Any] | None = None  # the outcome that was known first
        self._outcome: tuple[bool, Any] | None = None  # the same, once the callbacks have run

    def get(self, timeout: float | None = None) -> R:
        """The result.

        Blocks until it is there; signal handlers run, and Ctrl-C interrupts it.

        :param timeout: seconds; ``None`` waits for ever.
        :raises TimeoutError: if it was not there in time.
        :raises WorkerDied: if the worker died that ran the task.
        :raises TaskTimeout: if the task ran longer than its ``timeout``.
        :raises TaskCancelled: if it was cancelled.
        :raises MaybeEncodingError: if the function, an argument, the result or the error could not be sent between the
            processes.
        :raises BaseException: what the task raised, with the remote traceback as its ``__cause__``.
        """
        seconds = None if timeout is None else checked_timeout(timeout)
        if self._outcome is None and not self._owner.wait(self, seconds):
            raise TimeoutError(f"the result was not there after {timeout} s")
        assert self._outcome is not None
        ok, value = self._outcome
        if ok:
            result: R = value
            return result
        del value
        try:
            return self._given()
        finally:
            del self  # else the exception and the traceback with this frame would refer to each other

    def __await__(self) -> Generator[Any, None, R]:
        """The result, awaited in a task of an event loop: `get`.

        A cancelled wait leaves the task running; `cancel` stops it.
        """
        return self.get_async().__await__()

    async def get_async(self, timeout: float | None = None) -> R:
        """The result: `get`, awaited in a task of an event loop.

        A cancelled wait leaves the task running; `cancel` stops it.

        :param timeout: seconds; ``None`` waits for ever.
        :raises TimeoutError: if it was not there in time.
        :raises BaseException: as `get`.
        """
        if self._outcome is None and not await self._owner.wait_async(self, checked_timeout(timeout)):
            raise TimeoutError(f"the result was not there after {timeout} s")
        try:
            return self._given()
        finally:
            del self

    async def wait_async(self, timeout: float | None = None) -> None:
        """Wait until the result is there, or the time is up: `wait`, awaited in a task of an event loop.

        :param timeout: seconds; ``None`` waits for ever.
        """
        await self._owner.wait_async(self, checked_timeout(timeout))

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the result is there, or the time is up.  Blocks; signal handlers run.

        :param timeout: seconds; ``None`` waits for ever.
        """
        self._owner.wait(self, checked_timeout(timeout))

    def ready(self) -> bool:
        """Whether the result is there.  Does not block."""
        return self._outcome is not None

    def successful(self) -> bool:
        """Whether the task ended without an exception.  Does not block.

        :raises ValueError: if the result is not there yet.
        """
        if self._outcome is None:
            raise ValueError(f"{self!r} not ready")
        return self._outcome[0]

    def cancel(self) -> bool:
        """Cancel it: tasks that are queued are not begun, and tasks that run are stopped by killing their workers.

        Blocks only while it looks for the tasks.  Other tasks are not affected.  The result is there at once: a
        :exc:`TaskCancelled`.

        :return: ``False`` if its outcome was known already.
        """
        return self._outcome is None and self._owner.cancel(self)

    def cancelled(self) -> bool:
        """Whether it was cancelled.  Does not block."""
        outcome = self._outcome
        return outcome is not None and not outcome[0] and isinstance(outcome[1], TaskCancelled)

    def is_ready(self) -> bool:
        return self._outcome is not None

    def resolve(self, ok: bool, value: Any) -> bool:
        """Set the outcome; if several threads know one, the first decides. An interrupted call may be repeated.

        :return: whether the outcome is this one.
        """
        with self._owner.deciding:
            if self.decided is None:
                self.decided = ok, value
            decided = self.decided
        if self._outcome is None:
            if (self._callback if decided[0] else self._error_callback) is not None:
                self._owner.call_back(self)
            else:
                self._finish(*decided)
        return decided[1] is value

    def run_callback(self) -> None:
        """In the callback thread: call the program's callback, and then make the result ready."""
        assert self.decided is not None
        ok, value = self.decided
        function: Callable[[Any], object] | None = self._callback if ok else self._error_callback
        try:
            if function is not None and self._outcome is None:
                function(value)
        finally:
            self._finish(ok, value)
            self._owner.notify(self)

    def _finish(self, ok: bool, value: Any) -> None:
        self._outcome = ok, value
        self.task = self.packed = self._pool = self.job = None
        self._owner.outstanding.discard(self)
        if self.waiters:
            self.wake()

    def _given(self) -> R:
        assert self._outcome is not None
        ok, value = self._outcome
        if ok:
            result: R = value
            return result
        try:
            raise value
        finally:
            del value, self
