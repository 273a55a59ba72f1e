"""``imap``: jobs whose arguments are pulled, and whose results are handed out, one after another.

    iterable --pulled by--> feeder thread --> ring of tasks --> workers --> ring of results --> _arrived --> iterator

The feeder is a thread because a generator may block, or wait for what the program does with earlier results.  It
never is more than a window ahead of the iterator, so the generator may be endless.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, takewhile

from processing_core import TimeoutError
from processing_core.annotations import TYPE_CHECKING, Any, Generic, TypeVar
from processing_core.lowlevel import checked_timeout, pack
from processing_pool._attempts import Attempts
from processing_pool._collector import Target
from processing_pool._functions import ITEM, STAR
from processing_pool._messages import Failure, Unread, failure_of
from processing_pool._options import Options
from processing_pool._outcomes import SPECIAL, Failed, cell_number, described, failed
from processing_pool._pace import Pace

if TYPE_CHECKING:
    from processing_pool._engine import Engine

__all__ = ["IMapIterator", "Stream"]

LARGEST_WINDOW = 256

TAKEN = 64
"""Results that are taken at a time, if nobody said how many may wait."""

R = TypeVar("R")


class Stream(Target):
    """The job of one ``imap``, and what its iterator waits for.

    ``_in_flight`` maps an item's number to the item, ``_arrived`` to its result; an item is in one of them, in both for
    a moment, until its result is taken.
    """

    def __init__(
        self,
        engine: Engine,
        function: Callable[..., Any],
        iterable: Iterable[Any],
        chunksize: int,
        ordered: bool,
        star: bool,
        buffersize: int | None,
        options: Options,
    ) -> None:
        super().__init__()
        self._engine = engine
        self._function = function
        self._items = iter(iterable)
        self._ordered = ordered
        self._star = star
        self._buffersize = buffersize
        self.options = options
        self._parcel = pack((STAR if star else ITEM, function))
        self.cell: int = cell_number(self._parcel)
        self._pace = Pace(engine.size, chunksize, LARGEST_WINDOW)
        self._attempts = Attempts(engine.supervisor)
        self._in_flight: dict[int, Any] = {}
        self._arrived: dict[int, Any] = {}
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
                items = list(islice(self._items, self._next_size()))
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

    def _window(self) -> int:
        return self._pace.items if self._buffersize is None else self._buffersize

    def _has_room(self) -> bool:
        return self._unbounded or self._sent - self._taken < self._window()

    def _next_size(self) -> int:
        if self._unbounded:
            return self._pace.chunk
        return max(1, min(self._pace.chunk, self._window() - (self._sent - self._taken)))

    def _send(self, items: list[Any]) -> None:
        with self._guard:
            if self._ended:
                return
            first = self._sent
            self._in_flight.update(enumerate(items, first))
            self._sent += len(items)
        if len(items) > 1 and self._send_batch(first, items):
            return
        for i, item in enumerate(items, first):
            self._send_one(i, item)

    def _send_batch(self, first: int, items: list[Any]) -> bool:
        self._engine.balance(self)
        try:
            self._engine.tasks._send_batch(self.cell, first, items, [0])
        except BufferError:
            self._pace.send_singly()  # they are large
        except Exception:
            pass  # some cannot be pickled: which?
        else:
            return True
        return False

    def _send_one(self, i: int, item: Any) -> None:
        try:
            self._engine.tasks._send(self.cell, i, item)
        except Exception as error:
            self._arrived[i] = Failed(error)
            self._in_flight.pop(i, None)
            self._look()

    def _end(self, error: BaseException) -> None:
        """Nothing more is sent, and the last of the results is this error."""
        with self._guard:
            if not self._ended:
                self._arrived[self._sent] = Failed(error)
                self._sent += 1
                self._ended = True

    def _look(self) -> None:
        """Something changed that no row tells of: let the iterator look, wherever it waits."""
        if self._ended and not self._in_flight:
            self._engine.leave(self)
            self._engine.finished()
        self.wake()
        self._engine.collector.kick()

    # -- the collector ------------------------------------------------------------------------------

    def put(self, b: int, n: int, ok: bool | list[int], value: Any) -> None:
        """Take one row."""
        if not n:
            self._put_one(b, ok is True and type(value) not in SPECIAL, bool(ok), value)
            return
        bad = () if ok is True else frozenset(ok or ())
        for i, one in enumerate(value):
            self._put_one(b + i, i not in bad, type(one) is Failure, one)

    def _put_one(self, b: int, good: bool, ok: bool, value: Any) -> None:
        if b not in self._in_flight:
            return
        if not good:
            if type(value) is Unread:
                self._engine.supervisor.later(self, b, 0)
                return
            if self._attempts.again(self, b, value, self.options):
                return
            value = failed(ok, value, lambda: self._describe(b))
        self._arrived[b] = value
        self._in_flight.pop(b, None)
        self._attempts.forget(b)

    def _describe(self, b: int) -> str:
        item = self._in_flight[b]
        return described(self._function, item if self._star else (item,), {})

    def advance(self) -> None:
        """Let the iterator look."""
        if self._ended and not self._in_flight:
            self._engine.leave(self)
        self.wake()

    def timeout_of(self, b: int) -> float | None:
        """Seconds that an item may run."""
        return self.options.timeout

    def resend(self, b: int, n: int) -> None:
        """In the supervisor: these items are run elsewhere."""
        for i in range(b, b + n):
            try:
                with self._guard:  # so that an end comes before, or voids what was sent
                    item = self._in_flight[i]
                    self._engine.tasks._send(self.cell, i, item)
            except KeyError:
                pass  # it was abandoned
            except MemoryError:
                self._engine.supervisor.later(self, i, 0.1)
            except Exception as error:
                self._engine.tell(self.cell, i, failure_of(error))

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
        most = TAKEN if self._buffersize is None else 1
        if self._ordered:
            numbers = list(takewhile(self._arrived.__contains__, range(self._taken, self._taken + most)))
        else:
            numbers = list(islice(list(self._arrived), most))
        results = [self._arrived.pop(number) for number in numbers]
        self._taken += len(results)
        if self._feeder_waits and self._sent - self._taken <= self._window() // 2:
            self._feeder_waits = False
            self._room.release()
        return results

    # -- ends ---------------------------------------------------------------------------------------

    def close(self) -> None:
        """The pool was closed: what the iterable has is done, whether the iterator is used or not."""
        self._unbounded = True
        self._room.release()

    def drop(self) -> None:
        """The iterator is gone: what is queued is not begun.  Does not block, and may be called by a finalizer."""
        with self._guard:
            self._ended = True
            self._sent = self._taken  # whoever goes on is told that it is over
            self._in_flight.clear()
        self._engine.leave(self)
        self._engine.void(self.cell)
        self._room.release()
        self._engine.finished()

    def abort(self, error: BaseException) -> None:
        """Nothing more will come."""
        self._end(error)
        self._room.release()
        for number in list(self._in_flight):
            self._arrived[number] = Failed(error)
            self._in_flight.pop(number, None)
        self._engine.leave(self)
        self.wake()


class IMapIterator(Generic[R]):
    """The results of ``imap`` and ``imap_unordered``.

    Thread-safe; belongs to the process of its pool, and keeps the pool alive.  When it is dropped, no more
    arguments are pulled.
    """

    def __init__(self, engine: Engine, pool: object, stream: Stream) -> None:
        self._engine = engine
        self._pool = pool
        self._stream = stream
        self._rest: deque[Any] = deque()  # of what was taken last; none stays that was given
        self._guard = threading.RLock()  # guards _rest and the taking
        self._drop = weakref.finalize(self, _drop, weakref.ref(stream))
        self._drop.atexit = False

    def __iter__(self) -> Iterator[R]:
        return self

    def __next__(self) -> R:
        return self.next()

    def close(self) -> None:
        """Give the rest up: no more arguments are pulled, and what is queued is not begun.  Does not block."""
        self._drop()

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
                if self._rest:
                    return _given(self._rest.popleft())  # type: ignore[no-any-return]
                if self._stream.is_ready():
                    if self._stream.is_over():
                        raise StopIteration
                    self._rest.extend(self._stream.take())
                    continue
            if not self._engine.wait(self._stream, checked_timeout(timeout)):
                raise TimeoutError(f"the next result was not there after {timeout} s")


def _drop(stream: weakref.ref[Stream]) -> None:
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


def _close(items: Iterator[Any]) -> None:
    try:
        getattr(items, "close", lambda: None)()
    except BaseException:
        pass  # a generator that does not want to end: nobody is left to tell
