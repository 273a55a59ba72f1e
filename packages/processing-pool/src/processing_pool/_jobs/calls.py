"""The job of all calls: of ``apply``, ``apply_async`` and ``submit``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from processing_core import ClosedError
from processing_core.annotations import TYPE_CHECKING, Any
from processing_core.lowlevel import ThreadRLock
from processing_pool._engine.job_table import JobTable
from processing_pool._errors import PoolBroken, TaskCancelled
from processing_pool._jobs.result import AsyncResult
from processing_pool._jobs.retries import Retries
from processing_pool._messages import CALLS, SPECIAL, Row, renewed
from processing_pool._outcomes import described, failed

if TYPE_CHECKING:
    from processing_pool._engine.task_channel import TaskChannel

__all__ = ["Calls"]


class Calls:
    """The calls of ``apply``, ``apply_async`` and ``submit``: tasks without anything in common, one index each."""

    job_id = CALLS

    def __init__(self, table: JobTable, channel: TaskChannel) -> None:
        self._table = table
        self._channel = channel
        self.pending: dict[int, AsyncResult[Any]] = {}
        self._retries = Retries(channel, table)
        self._guard = ThreadRLock()  # a call is sent again, or cancelled, under it

    def put(self, rows: Iterable[Row]) -> None:
        """Take rows."""
        for _, index, _, ok, value in rows:
            result = self.pending.get(index)
            if result is None:
                continue
            if ok and type(value) not in SPECIAL:
                result.resolve(True, value)
            elif result.ready():
                pass  # an interrupted dispatch is done again
            elif self._retries.again(self, index, value, result.options):
                continue
            else:
                self._table.failed += 1
                result.resolve(False, failed(ok is True, value, partial(described, *result.task)).error)
            self.drop(index)

    def drop(self, index: int) -> None:
        """Nothing more is done for this call."""
        result = self.pending.pop(index, None)
        if result is not None:
            options = result.options
            if options.timeout is not None:
                self._table.timed.pop(result, None)
            if options.retries:
                self._retries.forget(index)

    def advance(self) -> None:
        """Nothing follows."""

    def resend(self, index: int, n: int) -> None:
        """Run a call again."""
        with self._guard:  # so that a cancel comes before, or finds what was sent
            result = self.pending.get(index)
            if result is not None:
                self._channel.submit(result)

    def cancel(self, result: AsyncResult[Any]) -> bool:
        """As :meth:`AsyncResult.cancel`.

        A call is queued, then taken by a worker; only its worker can change that, so it is looked for in this order.
        Retries, and what a dead worker had not begun, are sent under the guard, if the call is pending still.
        An outcome that was not received yet will be ignored.
        """
        error = TaskCancelled("the task was cancelled")
        with self._guard:
            try:
                return self._cancel(result, error)
            except BaseException:  # of a signal handler: what has been taken back already would never have an outcome
                self._cancel(result, error)
                raise

    def _cancel(self, result: AsyncResult[Any], error: TaskCancelled) -> bool:
        """May be done again if it was interrupted."""
        if not self._channel.take_back(result):
            self._channel.cancel_running(CALLS, result.index)
        self._channel.forget(CALLS, result.index)
        return self._drop_cancelled(result, error)

    def withdraw(self) -> None:
        """Cancel what was not begun, of a pool that is shut down."""
        for index, result in list(self.pending.items()):
            error = TaskCancelled("the pool was shut down before it had begun")
            with self._guard:
                try:
                    queued = self._channel.take_back(result) or self._channel.is_waiting(CALLS, index)
                    if queued:
                        self._drop_cancelled(result, error)
                except BaseException:  # of a signal handler: it may have been taken back just now
                    if not self._channel.is_running(CALLS, index):
                        self._drop_cancelled(result, error)
                    raise

    def _drop_cancelled(self, result: AsyncResult[Any], error: TaskCancelled) -> bool:
        cancelled = result.resolve(False, error)
        self.drop(result.index)
        return cancelled

    def timeout_of(self, index: int) -> float | None:
        """Seconds that the call may run."""
        result = self.pending.get(index)
        return None if result is None else result.options.timeout

    def widen(self, workers: int) -> None:
        """Nothing follows: every call was sent at once."""

    def priority_of(self, index: int) -> int:
        """The priority of a call."""
        result = self.pending.get(index)
        return 0 if result is None else result.options.priority

    def take_back(self, keep: Callable[[int], None]) -> None:
        """Take the calls that no worker has taken back from the channel; they are to be sent again.

        :param keep: is called with the index of each.
        """
        for index, result in list(self.pending.items()):
            with self._guard:
                if index in self.pending and self._channel.take_back(result):
                    keep(index)

    def close(self) -> None:
        """Nothing follows."""

    def abort(self, error: BaseException) -> None:
        """Nothing more will come."""
        for index, result in list(self.pending.items()):
            result.resolve(False, renewed(error) if isinstance(error, PoolBroken | ClosedError) else error)
            self.drop(index)
