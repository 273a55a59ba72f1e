"""Jobs whose results are kept until all are there: calls, and maps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from processing_core.annotations import TYPE_CHECKING, Any
from processing_core.lowlevel import pack
from processing_pool._attempts import Attempts
from processing_pool._functions import ITEM, STAR
from processing_pool._messages import CALLS, Failure, Unread, failure_of
from processing_pool._options import Options
from processing_pool._outcomes import SPECIAL, Failed, cell_number, described, failed
from processing_pool._pace import Pace
from processing_pool._results import AsyncResult

if TYPE_CHECKING:
    from processing_pool._engine import Engine

__all__ = ["Calls", "Mapping"]

LARGEST_BATCH = 0x7FFF
"""Items that the kernel takes in one message."""

ONES = b"\1" * LARGEST_BATCH


class Calls:
    """The calls of ``apply`` and its kin: tasks without anything in common, one number each."""

    cell = CALLS

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.pending: dict[int, AsyncResult[Any]] = {}
        self.attempts: Attempts | None = None

    def put(self, b: int, n: int, ok: bool | list[int], value: Any) -> None:
        """Take one row."""
        result = self.pending.get(b)
        if result is None:
            return
        if result.ready():
            pass  # an interrupted dispatch is done again
        elif ok and type(value) not in SPECIAL:
            result.settle(True, value)
        elif self._attempts().again(self, b, value, result.options):
            return
        else:
            result.settle(False, failed(ok is True, value, lambda: described(*result.task)).error)
        self.drop(b)

    def drop(self, b: int) -> None:
        """Nothing more is done for this call."""
        result = self.pending.pop(b, None)
        if result is not None and result.options.timeout is not None:
            self._engine.timed.pop(result, None)
        if self.attempts is not None:
            self.attempts.forget(b)

    def advance(self) -> None:
        """Nothing follows."""

    def resend(self, b: int, n: int) -> None:
        """In the supervisor: run a call again."""
        with self._engine.supervisor.watch.guard:  # so that a cancel comes before, or finds what was sent
            result = self.pending.get(b)
            if result is not None:
                self._engine.send(result)

    def timeout_of(self, b: int) -> float | None:
        """Seconds that the call may run."""
        result = self.pending.get(b)
        return None if result is None else result.options.timeout

    def close(self) -> None:
        """Nothing follows."""

    def abort(self, error: BaseException) -> None:
        """Nothing more will come."""
        for b, result in list(self.pending.items()):
            result.settle(False, error)
            self.drop(b)

    def _attempts(self) -> Attempts:
        if self.attempts is None:
            self.attempts = Attempts(self._engine.supervisor)
        return self.attempts


class Mapping:
    """One ``map``.

    A message is an item, numbered by its index, or a batch of items that follow one another, numbered by the first.
    What sending needs is written under ``_guard``, the rest under the collector's role; what came stands in ``_values``
    before ``_there`` says so.
    """

    def __init__(
        self,
        engine: Engine,
        result: AsyncResult[Any],
        function: Callable[..., Any],
        items: Sequence[Any],
        star: bool,
        chunksize: int | None,
        options: Options,
    ) -> None:
        self._engine = engine
        self._result = result
        self._function = function
        self._items = items
        self._star = star
        self._single = chunksize == 1
        self.options = options
        self._parcel = pack((STAR if star else ITEM, function))
        self.cell: int = cell_number(self._parcel)
        self._values: list[Any] = [None] * len(items)
        self._there = bytearray(len(items))
        self._failed = False
        self._over = False  # no more is sent; set under _guard
        self._filled = 0  # items before this one are there
        self._pace = Pace(engine.size, chunksize)
        self._attempts = Attempts(engine.supervisor)
        self._guard = threading.RLock()
        self._refusals: list[tuple[int, BaseException]] = []  # by the kernel, of messages that it left out
        self._sent = [0]  # items, those left out included; written by the kernel
        self._refused = self._arrived = 0  # items; never less than it is, so that the window never shuts

    def put(self, b: int, n: int, ok: bool | list[int], value: Any) -> None:
        """Take one row."""
        if n:
            if ok is True:
                self._values[b : b + n] = value
                self._there[b : b + n] = ONES[:n]
            else:
                self._put_mixed(b, frozenset(ok or ()), value)
            self._arrived += n
        else:
            if ok and type(value) not in SPECIAL:
                self._set(b, value)
            else:
                self._put_failure(b, bool(ok), value)
            self._arrived += 1

    def _put_mixed(self, b: int, bad: frozenset[int], values: list[Any]) -> None:
        for i, value in enumerate(values):
            if i in bad:
                self._put_failure(b + i, type(value) is Failure, value)
            else:
                self._set(b + i, value)

    def _set(self, b: int, value: Any) -> None:
        self._values[b] = value
        self._there[b] = 1

    def _put_failure(self, b: int, ok: bool, value: Any) -> None:
        if self._there[b]:
            return  # the row came before; or the worker had sent the result before it died
        if type(value) is Unread:
            self._engine.supervisor.later(self, b, 0)
        elif not self._attempts.again(self, b, value, self.options):
            self._failed = True
            self._set(b, failed(ok, value, lambda: self._describe(b)))

    def advance(self) -> None:
        """Finish, or send more."""
        if not self._is_full():
            self._feed()
            if not self._is_full():
                return
        self._leave()
        error = self._error()
        if error is None:
            self._result.settle(True, self._values)
        else:
            self._result.settle(False, error)

    def close(self) -> None:
        """Nothing follows."""

    def abort(self, error: BaseException) -> None:
        """Nothing more will come."""
        self._over = True
        self._leave()
        self._result.settle(False, error)

    def stop(self) -> None:
        """Send nothing more; what was sent and is not taken, nobody will run."""
        with self._guard:
            self._over = True
        self._engine.void(self.cell)

    def timeout_of(self, b: int) -> float | None:
        """Seconds that an item may run."""
        return self.options.timeout

    def resend(self, b: int, n: int) -> None:
        """In the supervisor: these items are run elsewhere."""
        refusals: list[tuple[int, BaseException]] = []
        with self._guard:
            if not self._over:
                self._engine.tasks._send_many(self.cell, b, list(self._items[b : b + n]), [b], refusals)
        for i, error in refusals:
            self._engine.tell(self.cell, i, failure_of(error))

    def _leave(self) -> None:
        self._engine.leave(self)

    def _is_full(self) -> bool:
        filled = self._there.find(0, self._filled)
        self._filled = len(self._there) if filled < 0 else filled
        return filled < 0

    def _error(self) -> BaseException | None:
        """The first item's that failed, unless exceptions are results."""
        if not self._failed:
            return None
        for i, value in enumerate(self._values):
            if type(value) is Failed:
                if not self.options.return_exceptions:
                    value.error.add_note(f"It is item {i} of the {len(self._values)} of a pool's map that failed so.")
                    return value.error
                self._values[i] = value.error
        return None

    def _in_flight(self) -> int:
        return self._sent[0] - self._refused - self._arrived

    def _feed(self) -> None:
        """Send more whenever half a window is done.  An interrupted call is resumed by the next."""
        while self._is_unsent() and self._in_flight() <= self._pace.items // 2:
            with self._guard:
                if self._over:
                    return
                if self._sent[0]:
                    self._pace.quicken()
                room = max(1, self._pace.items - self._in_flight())
                if self._pace.chunk == 1:
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
        self._engine.tasks._send_many(self.cell, first, items, self._sent, self._refusals)

    def _send_batches(self, room: int) -> None:
        self._engine.balance(self)
        while room > 0 and self._pace.chunk > 1 and (left := len(self._items) - self._sent[0]) > 0:
            n = min(self._pace.next_chunk(left), LARGEST_BATCH)
            self._send_batch(self._sent[0], n)
            room -= n

    def _send_batch(self, first: int, n: int) -> None:
        try:
            self._engine.tasks._send_batch(self.cell, first, self._slice(first, n), self._sent)
        except BufferError:
            self._pace.send_singly()  # they are large; none was sent
        except Exception:
            self._send_each(first, n)  # some cannot be pickled: which?

    def _slice(self, first: int, n: int) -> list[Any] | range:
        items = self._items[first : first + n]
        if type(items) is range:
            return items  # it travels as one
        return items if type(items) is list else list(items)

    def _refuse(self, b: int, error: BaseException) -> None:
        """An argument cannot be pickled."""
        if not self._there[b]:
            self._failed = True
            self._set(b, Failed(error))
        self._refused += 1

    def _describe(self, b: int) -> str:
        item = self._items[b]
        return described(self._function, item if self._star else (item,), {})
