"""Jobs whose results are kept until all are there: calls, and maps."""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from processing_core.lowlevel import pack
from processing_pool._messages import Death, Partial
from processing_pool._outcomes import SPECIAL, Failed, cell_number, described, failed, how, name_of
from processing_pool._pace import Pace
from processing_pool._results import AsyncResult

if TYPE_CHECKING:
    from processing_pool._engine import Engine

__all__ = ["Calls", "Mapping"]


class _Missing:
    __slots__ = ()


MISSING: Any = _Missing()


class Calls:
    """The calls of ``apply`` and ``apply_async``: tasks without anything in common, one number each."""

    def __init__(self) -> None:
        self.pending: dict[int, AsyncResult[Any]] = {}

    def put(self, b: int, ok: bool, value: Any) -> None:
        """Take one row."""
        result = self.pending.get(b)
        if result is None:
            return
        if result.ready():
            pass  # an interrupted dispatch is done again
        elif ok and type(value) not in SPECIAL:
            result.settle(True, value)
        else:
            result.settle(False, failed(ok, value, lambda: described(*result.task)).error)
        self.pending.pop(b, None)

    def advance(self) -> None:
        """Nothing follows."""

    def close(self) -> None:
        """Nothing follows."""

    def abort(self, error: BaseException) -> None:
        """Nothing more will come."""
        for b, result in list(self.pending.items()):
            result.settle(False, error)
            self.pending.pop(b, None)


class Mapping:
    """One ``map``.

    A task is an item, numbered by its index, if the chunksize is 1; else a chunk, whose number is an index into
    ``_chunks``.  What sending needs is written under ``_guard``, ``_arrived`` under the collector's role.
    """

    def __init__(
        self,
        engine: "Engine",
        result: AsyncResult[Any],
        function: Callable[..., Any],
        items: Sequence[Any],
        star: bool,
        chunksize: int | None,
    ) -> None:
        self._engine = engine
        self._result = result
        self._function = function
        self._items = items
        self._star = star
        self._single = chunksize == 1
        self._parcel = pack((how(star, self._single), function))
        self.cell: int = cell_number(self._parcel)
        self._values: list[Any] = [MISSING] * len(items)
        self._failed = False
        self._filled = 0  # items before this one are there
        self._pace = Pace(engine.size, chunksize)
        self._guard = threading.RLock()
        self._next = 0  # the first item that is in no chunk yet
        self._chunks: list[tuple[int, int]] = []
        self._refusals: list[tuple[int, BaseException]] = []  # by the kernel, of messages that it left out
        self._sent = [0]  # messages, those left out included; written by the kernel
        self._refused = self._arrived = 0  # messages; never less than it is, so that the window never shuts

    def put(self, b: int, ok: bool, value: Any) -> None:
        """Take one row."""
        if self._single:
            if ok and type(value) not in SPECIAL:
                self._values[b] = value
            else:
                self._put_failure(b, b + 1, ok, value)
        else:
            start, end = self._chunks[b]
            if ok and type(value) is list:
                self._values[start:end] = value
            else:
                self._put_failure(start, end, ok, value)
        self._arrived += 1

    def _put_failure(self, start: int, end: int, ok: bool, value: Any) -> None:
        if type(value) is Death and self._values[start] is not MISSING:
            return  # the worker had sent the result before it died
        self._failed = True
        results: Iterable[Any] = value.results if type(value) is Partial else (value,) * (end - start)
        for i, one in enumerate(results, start):
            good = ok and type(one) not in SPECIAL
            self._values[i] = one if good else failed(ok, one, lambda: self._describe(start, end))

    def advance(self) -> None:
        """Finish, or send more."""
        if not self._is_full():
            self._feed()
            if not self._is_full():
                return
        self._engine.jobs.pop(self.cell, None)
        error = self._error()
        if error is None:
            self._result.settle(True, self._values)
        else:
            self._result.settle(False, error)

    def close(self) -> None:
        """Nothing follows."""

    def abort(self, error: BaseException) -> None:
        """Nothing more will come."""
        self._engine.jobs.pop(self.cell, None)
        self._result.settle(False, error)

    def _is_full(self) -> bool:
        values, filled, n = self._values, self._filled, len(self._values)
        while filled < n and values[filled] is not MISSING:
            filled += 1
        self._filled = filled
        return filled == n

    def _error(self) -> BaseException | None:
        """The first item's that failed."""
        if not self._failed:
            return None
        return next((value.error for value in self._values if type(value) is Failed), None)

    def _in_flight(self) -> int:
        return self._sent[0] - self._refused - self._arrived

    def _feed(self) -> None:
        """Send more whenever half a window is done.  An interrupted call is resumed by the next."""
        while self._is_unsent() and self._in_flight() <= self._pace.window // 2:
            with self._guard:
                if self._sent[0]:
                    self._pace.quicken()
                n = max(1, self._pace.window - self._in_flight())
                first = self._sent[0]
                payloads = self._items_from(first, n) if self._single else self._chunks_from(first, n)
                self._engine.tasks._send_many(self.cell, first, payloads, self._sent, self._refusals)
                while self._refusals:
                    self._refuse(*self._refusals[0])
                    del self._refusals[0]

    def _is_unsent(self) -> bool:
        if self._single:
            return self._sent[0] < len(self._items) or bool(self._refusals)
        return self._next < len(self._items) or self._sent[0] < len(self._chunks) or bool(self._refusals)

    def _items_from(self, first: int, n: int) -> list[Any]:
        return list(self._items[first : first + n])

    def _chunks_from(self, first: int, n: int) -> list[Any]:
        chunks, items = self._chunks, self._items
        if chunks and chunks[-1][1] > self._next:
            self._next = chunks[-1][1]  # an interrupt came between the two lines below
        while len(chunks) - first < n and self._next < len(items):
            chunks.append((self._next, min(len(items), self._next + self._pace.next_chunk(len(items) - self._next))))
            self._next = chunks[-1][1]
        return [list(items[start:end]) for start, end in chunks[first : first + n]]

    def _refuse(self, b: int, error: BaseException) -> None:
        """An argument cannot be pickled.  Of a chunk, every item gets a message of its own."""
        start, end = (b, b + 1) if self._single else self._chunks[b]
        if end - start == 1:
            self._failed = True
            self._values[start] = Failed(error)
        elif (start, start + 1) not in self._chunks:
            self._chunks.extend((i, i + 1) for i in range(start, end))
        self._refused += 1

    def _describe(self, start: int, end: int) -> str:
        if end - start == 1:
            item = self._items[start]
            return described(self._function, item if self._star else (item,), {})
        return f"{name_of(self._function)} on the items {start} to {end - 1}"
