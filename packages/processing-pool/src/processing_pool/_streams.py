"""``imap``: jobs whose arguments are pulled, and whose results are handed out, one after another.

    iterable --pulled by--> feeder thread --> ring of tasks --> workers --> ring of results --> _arrived --> iterator

The feeder is a thread because a generator may block, or wait for what the program does with earlier results.  It
never is more than a window ahead of the iterator, so the generator may be endless.
"""

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from processing_core import TimeoutError
from processing_core.lowlevel import checked_timeout, pack
from processing_pool._collector import Target
from processing_pool._messages import Partial
from processing_pool._outcomes import SPECIAL, Failed, cell_number, described, failed, how, name_of
from processing_pool._pace import Pace

if TYPE_CHECKING:
    from processing_pool._engine import Engine

__all__ = ["IMapIterator", "Stream"]

LARGEST_WINDOW = 256

R = TypeVar("R")


class Stream(Target):
    """The job of one ``imap``, and what its iterator waits for.

    ``_in_flight`` and ``_arrived`` map a task's number to its items, and to its results; a task is in one of them,
    in both for a moment, until its results are taken.
    """

    def __init__(
        self, engine: "Engine", function: Callable[..., Any], iterable: Iterable[Any], chunksize: int, ordered: bool
    ) -> None:
        super().__init__()
        self._engine = engine
        self._function = function
        self._items = iter(iterable)
        self._single = chunksize == 1
        self._ordered = ordered
        self._parcel = pack((how(False, self._single), function))
        self.cell: int = cell_number(self._parcel)
        self._pace = Pace(engine.size, chunksize, LARGEST_WINDOW)
        self._in_flight: dict[int, Any] = {}
        self._arrived: dict[int, list[Any]] = {}
        self._holes: dict[int, dict[int, Failed]] = {}  # of a task: its items that could not be sent, by index
        self._guard = threading.RLock()  # guards _sent against an end
        self._sent = 0
        self._taken = 0  # written by the iterator
        self._ended = False  # by the feeder: nothing more will be sent
        self._unbounded = False  # the pool was closed: pull whatever there is
        self._room = threading.Semaphore(0)  # its permits are hints that there may be room
        self._feeder_waits = False

    # -- the feeder ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to pull and send, in a thread."""
        threading.Thread(target=self._feed, name="processing pool's feeder", daemon=True).start()

    def _feed(self) -> None:
        try:
            while not self._ended:
                self._await_room()
                items = list(islice(self._items, self._pace.chunk))
                if not items or self._ended:
                    break
                self._send(items)
        except BaseException as error:
            self._end(error)
        finally:
            self._ended = True
            _close(self._items)
            self._items = iter(())
            self._look()

    def _await_room(self) -> None:
        while not self._has_room() and not self._ended:
            self._feeder_waits = True
            if not self._has_room():
                self._room.acquire()
            self._feeder_waits = False
            self._pace.quicken()

    def _has_room(self) -> bool:
        return self._unbounded or self._sent - self._taken < self._pace.window

    def _send(self, items: list[Any]) -> None:
        with self._guard:
            if self._ended:
                return
            number = self._sent
            self._in_flight[number] = items
            self._sent += 1
        try:
            self._engine.tasks._send(self.cell, number, items[0] if self._single else items)
        except Exception as error:
            self._refuse(number, items, error)

    def _refuse(self, number: int, items: list[Any], error: Exception) -> None:
        """An argument cannot be pickled; of a chunk only the culprits fail."""
        holes = {i: Failed(reason) for i, item in enumerate(items) if (reason := _refusal(item)) is not None}
        if self._single or not holes or len(holes) == len(items):
            self._in_flight.pop(number, None)
            self._arrived[number] = [holes.get(i, Failed(error)) for i in range(len(items))]
            self._look()
            return
        self._holes[number] = holes
        self._engine.tasks._send(self.cell, number, [item for i, item in enumerate(items) if i not in holes])

    def _end(self, error: BaseException) -> None:
        """Nothing more is sent, and the last of the results is this error."""
        with self._guard:
            if not self._ended:
                self._arrived[self._sent] = [Failed(error)]
                self._sent += 1
                self._ended = True

    def _look(self) -> None:
        """Something changed that no row tells of: let the iterator look, wherever it waits."""
        if self._ended and not self._in_flight:
            self._engine.jobs.pop(self.cell, None)
            self._engine.finished()
        self.wake()
        self._engine.collector.kick()

    # -- the collector ------------------------------------------------------------------------------

    def put(self, b: int, ok: bool, value: Any) -> None:
        """Take one row."""
        items = self._in_flight.get(b)
        if items is None:
            return
        if ok and type(value) not in SPECIAL:
            results = [value] if self._single else value
        else:
            results = self._failures(b, items, ok, value)
        self._arrived[b] = self._filled(results, self._holes[b]) if b in self._holes else results
        self._in_flight.pop(b, None)

    @staticmethod
    def _filled(results: list[Any], holes: dict[int, Failed]) -> list[Any]:
        rest = iter(results)
        return [holes[i] if i in holes else next(rest) for i in range(len(results) + len(holes))]

    def _failures(self, b: int, items: list[Any], ok: bool, value: Any) -> list[Any]:
        def describe() -> str:
            if len(items) == 1:
                return described(self._function, items, {})
            return f"{name_of(self._function)} on {len(items)} items from {described(self._function, items[:1], {})}"

        results = value.results if type(value) is Partial else (value,) * (len(items) - len(self._holes.get(b, ())))
        return [one if ok and type(one) not in SPECIAL else failed(ok, one, describe) for one in results]

    def advance(self) -> None:
        """Let the iterator look."""
        if self._ended and not self._in_flight:
            self._engine.jobs.pop(self.cell, None)
        self.wake()

    # -- the iterator -------------------------------------------------------------------------------

    def is_ready(self) -> bool:
        """Whether there is something to take, or an end."""
        if self._ordered:
            return self._taken in self._arrived or self.is_over()
        return bool(self._arrived) or self.is_over()

    def is_over(self) -> bool:
        """Whether everything was taken."""
        return self._ended and self._taken >= self._sent

    def take(self) -> list[Any]:
        """The next results; :meth:`is_ready` said that there are some."""
        number = self._taken if self._ordered else next(iter(self._arrived))
        results = self._arrived.pop(number)
        self._taken += 1
        if self._feeder_waits and self._sent - self._taken <= self._pace.window // 2:
            self._feeder_waits = False
            self._room.release()
        return results

    # -- ends ---------------------------------------------------------------------------------------

    def close(self) -> None:
        """The pool was closed: what the iterable has is done, whether the iterator is used or not."""
        self._unbounded = True
        self._room.release()

    def drop(self) -> None:
        """The iterator is gone."""
        self._ended = True
        self._room.release()

    def abort(self, error: BaseException) -> None:
        """Nothing more will come."""
        self._end(error)
        self._room.release()
        for number, items in list(self._in_flight.items()):
            self._arrived[number] = [Failed(error)] * len(items)
            self._in_flight.pop(number, None)
        self._engine.jobs.pop(self.cell, None)
        self.wake()


class IMapIterator(Generic[R]):
    """The results of ``imap`` and ``imap_unordered``.

    Thread-safe; belongs to the process of its pool, and keeps the pool alive.  When it is dropped, no more
    arguments are pulled.
    """

    def __init__(self, engine: "Engine", pool: object, stream: Stream) -> None:
        self._engine = engine
        self._pool = pool
        self._stream = stream
        self._rest: Iterator[Any] = iter(())  # of the chunk that was taken last
        self._guard = threading.RLock()  # guards _rest and the taking
        weakref.finalize(self, _drop, weakref.ref(stream)).atexit = False

    def __iter__(self) -> Iterator[R]:
        return self

    def __next__(self) -> R:
        return self.next()

    def next(self, timeout: float | None = None) -> R:
        """The next result.

        Blocks until it is there; signal handlers run, and Ctrl-C interrupts it.

        :param timeout: seconds; ``None`` waits for ever.
        :raises TimeoutError: if it was not there in time.
        :raises StopIteration: if there are no more.
        :raises BaseException: what the task raised; the next call goes on behind it.
        """
        while True:
            with self._guard:
                for value in self._rest:
                    result: R = _given(value)
                    return result
                if self._stream.is_ready():
                    if self._stream.is_over():
                        raise StopIteration
                    self._rest = iter(self._stream.take())
                    continue
            if not self._engine.wait(self._stream, checked_timeout(timeout)):
                raise TimeoutError(f"the next result was not there after {timeout} s")


def _drop(stream: "weakref.ref[Stream]") -> None:
    found = stream()
    if found is not None:
        found.drop()


def _given(value: Any) -> Any:
    if type(value) is not Failed:
        return value
    try:
        raise value.error
    finally:
        value = None


def _refusal(item: Any) -> BaseException | None:
    """What pickling an item raises."""
    try:
        pack(item)
    except Exception as error:
        return error
    return None


def _close(items: Iterator[Any]) -> None:
    try:
        getattr(items, "close", lambda: None)()
    except BaseException:
        pass  # a generator that does not want to end: nobody is left to tell
