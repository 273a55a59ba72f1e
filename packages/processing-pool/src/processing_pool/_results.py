"""``AsyncResult``: what an asynchronous call gives at once."""

from __future__ import annotations

from collections.abc import Callable

from processing_core import TimeoutError
from processing_core.annotations import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from processing_core.lowlevel import checked_timeout
from processing_pool._collector import Target
from processing_pool._errors import TaskCancelled
from processing_pool._options import Options

if TYPE_CHECKING:
    from processing_pool._engine import Engine

__all__ = ["AsyncResult"]

R = TypeVar("R")


class Stoppable(Protocol):
    """The job that a result is of."""

    cell: int

    def stop(self) -> None:
        """Send nothing more."""

    def abort(self, error: BaseException) -> None:
        """Nothing more will come."""


class AsyncResult(Target, Generic[R]):
    """A result to come, of ``apply_async`` and its kin.

    Thread-safe; belongs to the process of its pool, and keeps the pool alive until it is there.

    >>> import processing
    >>> with processing.Pool(2) as pool:  # doctest: +SKIP
    ...     pool.apply_async(pow, (2, 10)).get()
    1024
    """

    __slots__ = (
        "__orig_class__",
        "_callback",
        "_decided",
        "_engine",
        "_error_callback",
        "_outcome",
        "_pool",
        "job",
        "message",
        "number",
        "options",
        "parcel",
        "task",
    )

    def __init__(
        self,
        engine: Engine,
        pool: object,
        task: Any,
        options: Options,
        callback: Callable[[R], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> None:
        self._beds = []
        self._engine = engine
        self._pool = pool
        self.task: Any = task
        self.options: Options = options
        self.job: Stoppable | None = None  # of a map
        self.number: int = 0  # of a call
        self.message: int = 0  # of a call: its latest in the ring
        self.parcel: object = None  # what the call's function is in
        self._callback = callback
        self._error_callback = error_callback
        self._decided: tuple[bool, Any] | None = None  # the first outcome that anybody knew of
        self._outcome: tuple[bool, Any] | None = None  # the same, once the callbacks have run

    def get(self, timeout: float | None = None) -> R:
        """The result.

        Blocks until it is there; signal handlers run, and Ctrl-C interrupts it.

        :param timeout: seconds; ``None`` waits for ever.
        :raises TimeoutError: if it was not there in time.
        :raises WorkerDied: if the worker died that ran the task.
        :raises TaskTimeout: if the task ran longer than its ``timeout``.
        :raises TaskCancelled: if it was cancelled.
        :raises MaybeEncodingError: if something about it could not be carried between the processes.
        :raises BaseException: what the task raised, with the remote traceback as its ``__cause__``.
        """
        if self._outcome is None and not self._engine.wait(self, checked_timeout(timeout)):
            raise TimeoutError(f"the result was not there after {timeout} s")
        try:
            return self._given()
        finally:
            del self  # lest it, and the traceback with this frame, keep each other

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the result is there, or the time is up.  Blocks; signal handlers run.

        :param timeout: seconds; ``None`` waits for ever.
        """
        self._engine.wait(self, checked_timeout(timeout))

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
        """Let what is not done be done no more: what is queued is not begun, what runs is stopped, its worker killed.

        Blocks for no longer than it takes to look.  Other tasks are not concerned.  The result is there at once: a
        :exc:`TaskCancelled`.

        :return: ``False`` if its outcome was known already.
        """
        return self._outcome is None and self._engine.cancel(self)

    def cancelled(self) -> bool:
        """Whether it was cancelled.  Does not block."""
        outcome = self._outcome
        return outcome is not None and not outcome[0] and isinstance(outcome[1], TaskCancelled)

    def is_ready(self) -> bool:
        return self._outcome is not None

    @property
    def may_collect(self) -> bool:  # type: ignore[override]
        # A callback runs before the result is there, and in the background.
        return self._callback is None and self._error_callback is None

    def settle(self, ok: bool, value: Any) -> bool:
        """The outcome is known; the first of several threads' counts.  An interrupted call is done again.

        :return: whether it is this one.
        """
        with self._engine.settling:
            if self._decided is None:
                self._decided = ok, value
            decided = self._decided
        if self._outcome is None:
            if self._calls_back(decided[0]):
                self._engine.background.call(self)
            else:
                self._finish(*decided)
        return decided[1] is value

    def run_callback(self) -> None:
        """In the background: what the user wants done with the outcome; then finish."""
        assert self._decided is not None
        ok, value = self._decided
        function: Callable[[Any], object] | None = self._callback if ok else self._error_callback
        try:
            if function is not None and self._outcome is None:
                function(value)
        finally:
            self._finish(ok, value)

    def _calls_back(self, ok: bool) -> bool:
        return (self._callback if ok else self._error_callback) is not None

    def _finish(self, ok: bool, value: Any) -> None:
        self._outcome = ok, value
        self.task = self.parcel = self._pool = self.job = None
        self._engine.outstanding.discard(self)
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
