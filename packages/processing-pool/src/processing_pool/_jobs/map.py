"""``map``: a job that keeps its results until all are there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from processing_core.annotations import TYPE_CHECKING, Any
from processing_core.lowlevel import ThreadRLock, add_note
from processing_pool._engine.job_table import JobTable
from processing_pool._jobs.result import AsyncResult
from processing_pool._jobs.retries import Retries
from processing_pool._jobs.window import Window
from processing_pool._messages import SPECIAL, Failed, Failure, Row, Unread, failure_of
from processing_pool._options import Options
from processing_pool._outcomes import described, failed

if TYPE_CHECKING:
    from processing_pool._engine.task_channel import TaskChannel
    from processing_pool._progress.counts import Counts

__all__ = ["MapJob"]

LARGEST_BATCH = 0x7FFF
"""Items that the kernel takes in one message."""

ONES = b"\1" * LARGEST_BATCH


class MapJob:
    """One ``map``.

    A message is an item, numbered by its index, or a batch of consecutive items, numbered by the first. Attributes that
    sending needs are written under ``_guard``, the others by the leader; a value is in ``_values`` before ``_there``
    says so.
    """

    def __init__(
        self,
        table: JobTable,
        channel: TaskChannel,
        result: AsyncResult[Any],
        function: Callable[..., Any],
        items: Sequence[Any],
        star: bool,
        chunksize: int | None,
        options: Options,
    ) -> None:
        self._table = table
        self._channel = channel
        self._result = result
        self._function = function
        self._items = items
        self._star = star
        self._single = chunksize == 1
        self.options = options
        self._packed = channel.pack(function, star)
        self.job_id: int = self._packed.job_id
        self._values: list[Any] = [None] * len(items)
        self._there = bytearray(len(items))
        self._failed = 0
        self.on_end: Callable[[], object] | None = None  # is called when it is over; again, if that was interrupted
        self._is_balanced = False  # the channel knows that there are batches
        self._over = False  # no more is sent; set under _guard
        self._filled = 0  # items before this one are there
        self._window = Window(
            channel.capacity,
            chunksize,
            target_time=channel.target_time,
            grain=channel.grain,
            item_time=table.item_times.of(function) if channel.balances else None,
            total=len(items),
        )
        self._begun = time.monotonic()
        self._retries = Retries(channel, table)
        self._guard = ThreadRLock()
        self._refusals: list[tuple[int, BaseException]] = []  # by the kernel, of messages that it left out
        self._sent = [0]  # items that were sent, including those left out; written by the kernel
        self._refused = self._arrived = 0  # items; it never decreases, so that the window never closes

    def put(self, rows: Iterable[Row]) -> None:
        """Store the values of rows."""
        values, there = self._values, self._there
        arrived = 0
        for _, index, n, ok, value in rows:
            if not n:
                if ok and type(value) not in SPECIAL:
                    values[index] = value
                    there[index] = 1
                else:
                    self._put_failure(index, bool(ok), value)
                arrived += 1
            else:
                if ok is True:
                    values[index : index + n] = value
                    there[index : index + n] = ONES[:n]
                else:
                    self._put_mixed(index, frozenset(ok or ()), value)
                arrived += n
        self._arrived += arrived

    def _put_mixed(self, index: int, bad: frozenset[int], values: list[Any]) -> None:
        for i, value in enumerate(values):
            if i in bad:
                self._put_failure(index + i, type(value) is Failure, value)
            else:
                self._set(index + i, value)

    def _set(self, index: int, value: Any) -> None:
        self._values[index] = value
        self._there[index] = 1

    def _put_failure(self, index: int, ok: bool, value: Any) -> None:
        if self._there[index]:
            return  # the row was taken before; or the worker had sent the result before it died
        if type(value) is Unread:
            self._channel.send_later(self, index, 0)
        elif not self._retries.again(self, index, value, self.options):
            self._failed += 1
            self._table.failed += 1
            self._set(index, failed(ok, value, lambda: self._describe(index)))

    def advance(self) -> None:
        """Resolve the result if all values are there; else send more items."""
        if not self._is_full():
            self._feed()
            if not self._is_full():
                return
        self._tell_end()
        self._remember_time()
        error = self._error()
        if error is None:
            self._result.resolve(True, self._values)
        else:
            self._result.resolve(False, error)
        self._table.leave(self)  # at last: what is interrupted before is done again, as long as the job is in the table

    def _remember_time(self) -> None:
        n = len(self._values)
        if n:
            taken = (time.monotonic() - self._begun) * self._channel.capacity
            self._table.item_times.remember(self._function, taken / n, n)

    def widen(self, workers: int) -> None:
        """Send more if there are more workers."""
        self._window.widen(workers)
        self.advance()

    def close(self) -> None:
        """Do nothing: a map gets no further items when its pool is closed."""

    def withdraw(self) -> None:
        """Do nothing: a map is done as a whole, and it has begun."""

    def abort(self, error: BaseException) -> bool:
        """Resolve the result with an error: no further outcome will arrive.

        :return: whether the error is the outcome.
        """
        self._over = True
        self._tell_end()
        resolved = self._result.resolve(False, error)
        self._table.leave(self)
        return resolved

    def stop(self) -> None:
        """Send no more items, and cancel those that no worker has taken."""
        with self._guard:
            self._over = True
        self._channel.cancel_queued(self.job_id)

    def counts(self) -> Counts:
        """How far it is."""
        from processing_pool._progress.counts import Counts  # here, for few programs ask

        done = self._filled + self._there.count(1, self._filled)
        return Counts(done, len(self._items), self._failed, self._retries.count)

    def timeout_of(self, index: int) -> float | None:
        """Seconds that an item may run."""
        return self.options.timeout

    def priority_of(self, index: int) -> int:
        """The priority of an item."""
        return self.options.priority

    def resend(self, index: int, n: int) -> None:
        """Send items again, each by itself."""
        refusals: list[tuple[int, BaseException]] = []
        with self._guard:
            if not self._over:
                self._channel.send_many(self.job_id, index, list(self._items[index : index + n]), [index], refusals)
        for i, error in refusals:
            self._channel.tell(self.job_id, i, failure_of(error))

    def _tell_end(self) -> None:
        if self.on_end is not None:
            self.on_end()

    def _is_full(self) -> bool:
        filled = self._there.find(0, self._filled)
        self._filled = len(self._there) if filled < 0 else filled
        return filled < 0

    def _error(self) -> BaseException | None:
        """The error of the first item that failed; ``None`` if exceptions are results."""
        if not self._failed:
            return None
        for i, value in enumerate(self._values):
            if type(value) is Failed:
                if not self.options.return_exceptions:
                    add_note(value.error, f"It is item {i} of the {len(self._values)} of a pool's map that failed so.")
                    return value.error
                self._values[i] = value.error
        return None

    def _in_flight(self) -> int:
        return self._sent[0] - self._refused - self._arrived

    def _feed(self) -> None:
        """Send more items whenever half a window is done. If a call is interrupted, the next one continues it."""
        while self._is_unsent() and self._in_flight() <= self._window.items // 2:
            with self._guard:
                if self._over:
                    return
                if self._sent[0]:
                    self._window.adapt()
                room = max(1, self._window.items - self._in_flight())
                if self._window.chunk == 1:
                    self._send_each(self._sent[0], room)
                else:
                    self._send_batches(room)
                while self._refusals:
                    self._refuse(*self._refusals[0])
                    del self._refusals[0]

    def _is_unsent(self) -> bool:
        return self._sent[0] < len(self._items) or bool(self._refusals)

    def _send_each(self, first: int, n: int) -> None:
        items = list(self._items[first : first + n])
        self._channel.send_many(self.job_id, first, items, self._sent, self._refusals)

    def _send_batches(self, room: int) -> None:
        while room > 0 and self._window.chunk > 1 and (left := len(self._items) - self._sent[0]) > 0:
            n = min(self._window.next_chunk(left), LARGEST_BATCH)
            if n > 1:
                self._send_batch(self._sent[0], n)
            else:  # these are the last ones
                self._send_each(self._sent[0], n := min(left, room))
            room -= n

    def _send_batch(self, first: int, n: int) -> None:
        if not self._is_balanced:
            self._is_balanced = True
            self._channel.balance(self.job_id)
        try:
            self._channel.send_batch(self.job_id, first, self._slice(first, n), self._sent)
        except BufferError:
            self._window.send_singly()  # they are large; none was sent
        except Exception:
            refused = len(self._refusals)
            self._send_each(first, n)  # some cannot be pickled: which?
            if len(self._refusals) == refused:
                raise  # none of them: a signal handler's

    def _slice(self, first: int, n: int) -> list[Any] | range:
        items = self._items[first : first + n]
        if type(items) is range:
            return items  # it travels as one
        return items if type(items) is list else list(items)

    def _refuse(self, index: int, error: BaseException) -> None:
        """Store the error of an argument that cannot be pickled."""
        if not self._there[index]:
            self._failed += 1
            self._table.failed += 1
            self._set(index, Failed(error))
        self._refused += 1

    def _describe(self, index: int) -> str:
        item = self._items[index]
        return described(self._function, item if self._star else (item,), {})
