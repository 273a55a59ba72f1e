"""``imap``: jobs whose arguments are taken from an iterable, and whose results are returned, one after another.

    iterable ---read by---> feeder thread --> ring of tasks --> workers --> ring of results --> _arrived --> iterator

The feeder is a thread because a generator may block, or wait for what the program does with earlier results.  It is
never more than a window ahead of the iterator, so the generator may be endless.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Collection, Iterable, Iterator
from itertools import islice, takewhile
from operator import length_hint

from processing_core.annotations import TYPE_CHECKING, Any, Protocol
from processing_core.lowlevel import BinarySemaphore, DaemonThread, ThreadRLock
from processing_pool._engine.collector import Target
from processing_pool._engine.job_table import JobTable
from processing_pool._errors import TaskCancelled
from processing_pool._jobs.retries import Retries
from processing_pool._jobs.window import Window
from processing_pool._messages import CALLS, SPECIAL, WAKE, WITHDRAWN, Failed, Failure, Row, Unread, failure_of
from processing_pool._options import Options
from processing_pool._outcomes import described, failed

if TYPE_CHECKING:
    from processing_pool._engine.task_channel import TaskChannel
    from processing_pool._progress.counts import Counts

__all__ = ["ImapJob"]

LARGEST_WINDOW = 1024

LARGEST_HANDOVER = 128
"""Messages of one item each that are sent at a time, if the items are taken from what cannot block."""

LARGEST_TAKE = 256
"""Results that are taken at a time, if the program has not limited how many may wait."""

_GONE = object()
"""In the place of an item that is not in flight."""

_COUNTED = frozenset({list, tuple, range, str, bytes, dict, set, frozenset})


class Room(Protocol):
    """What the feeder sleeps on."""

    def release(self) -> object:
        """Wake it."""


class ImapJob(Target):
    """The job of one ``imap``, and what its iterator waits for.

    ``_in_flight`` maps an item's number to the item, ``_arrived`` to its result; an item is in one of them, in both for
    a moment, until its result is taken.
    """

    def __init__(
        self,
        table: JobTable,
        channel: TaskChannel,
        function: Callable[..., Any],
        iterable: Iterable[Any] | AsyncIterable[Any],
        chunksize: int,
        ordered: bool,
        star: bool,
        buffersize: int | None,
        options: Options,
    ) -> None:
        super().__init__()
        self._table = table
        self._channel = channel
        self._function = function
        # What is both, such as the results of another `imap`, a thread reads: no event loop need run.
        is_async = isinstance(iterable, AsyncIterable) and not isinstance(iterable, Iterable)
        self._async_items: Any = iterable if is_async else None
        self._items = iter(()) if is_async else iter(iterable)  # type: ignore[arg-type]
        # For these the number of items is known in advance. The length of any other object may be a guess, such as a
        # progress bar's total.
        self._counted: Collection[Any] | None = iterable if type(iterable) in _COUNTED else None  # type: ignore[assignment]
        self._ordered = ordered
        self._star = star
        self._buffersize = buffersize
        self.options = options
        self._packed = channel.pack(function, star)
        self.job_id: int = self._packed.job_id
        self._window = Window(channel.capacity, chunksize, LARGEST_WINDOW, channel.target_time)
        self._retries = Retries(channel, table)
        self._retried = options.retries > 0
        self._failed = 0
        self.on_end: Callable[[], object] | None = None  # is called when it is over; again, if that was interrupted
        self._total: int | None = _total_of(iterable) if options.progress is not None else None
        self._is_balanced = False  # the channel knows that there are batches
        self._in_flight: dict[int, Any] = {}
        self._arrived: dict[int, Any] = {}
        self._guard = ThreadRLock()  # guards _sent against an end
        self._sent = 0
        self._handed = 0  # items below are with the channel; behind it, the feeder is about to send some
        self._taken = 0  # written by the iterator
        self._ended = False  # by the feeder: nothing more will be sent
        self._withdrawn = False  # what is not begun never will be
        self._unbounded = False  # the pool was closed: pull all items
        self.unwanted: bool = False  # the iterator is gone: results are not kept
        self._pool: object = None  # kept alive if its tasks are to be done
        self._paused = False  # the iterator is gone, and had been advanced: no item is taken until the pool is closed
        self._room: Room = BinarySemaphore()  # its permit is a hint that there may be room
        self._feeder_waits = False

    # -- the feeder ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the feeder thread; or a task of the running event loop, for an asynchronous iterable."""
        if self._async_items is not None:
            from processing_pool._jobs.async_feed import AsyncFeeder

            feeder = AsyncFeeder(self, self._async_items)
            self._room, self._async_items, self._feeder_waits = feeder, None, True
            feeder.start()
            return
        DaemonThread(self._feed, name="processing pool's feeder").start()

    def _feed(self) -> None:
        try:
            if self._counted is None and self._window.chunk == 1:
                self._feed_singly()
                return
            while not self._ended and (self._counted is None or self._sent != len(self._counted)):
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
            self._items, self._counted = iter(()), None
            self._end_sending()

    def _feed_singly(self) -> None:
        """Send each item before the next one is taken: an iterator that may block may wait for its result."""
        self._await_room()
        full = self._full()
        if self._ended:
            return
        for item in self._items:
            number = self._number(item)
            if number is None:
                return
            try:
                self._channel.send(self.job_id, number, item)
            except Exception as error:  # of sending; of pickling, if it is one
                self._refuse([(number, error)])
            self._handed = number + 1
            if self._paused or self._sent - self._taken > full:
                self._await_room()
                full = self._full()
            if self._ended:  # by another thread, which could not cancel what was sent since
                self._channel.cancel_queued(self.job_id)
                return

    def _number(self, item: Any) -> int | None:
        """The number of an item that is about to be sent; ``None`` if none is wanted any more."""
        with self._guard:
            if self._ended:
                return None
            number = self._sent
            self._in_flight[number] = item
            self._sent = number + 1
        return number

    # For an `AsyncFeeder`:

    def has_room(self) -> bool:
        """Whether a further item may be sent."""
        self._feeder_waits = True
        self._window.adapt()
        return self._has_room()

    def is_ended(self) -> bool:
        """Whether no further item is wanted."""
        return self._ended

    def send_items(self, items: list[Any]) -> None:
        """Send items."""
        self._send(items)

    def end_feeding(self, error: BaseException | None) -> None:
        """Note that there are no more items, or that the iterable has raised."""
        if error is not None:
            self._end(error)
        self._ended = True
        self._end_sending()

    def _end_sending(self) -> None:
        self._handed = self._sent
        if self._withdrawn:  # by another thread, which could not take back what was sent since
            self._take_back_sent()
        self._look()

    def _await_room(self) -> None:
        while not self._has_room() and not self._ended:
            self._feeder_waits = True
            if not self._has_room():
                self._room.acquire()  # type: ignore[attr-defined]
            self._feeder_waits = False
            self._window.adapt()

    def _largest_in_flight(self) -> int:
        return self._window.items if self._buffersize is None else self._buffersize

    def _full(self) -> int:
        """The number of items under way above which none is taken; a bounded buffer waits for room for a chunk."""
        return (
            self._largest_in_flight() - 1 if self._buffersize is None else max(0, self._buffersize - self._window.chunk)
        )

    def _low(self) -> int:
        """The number of items under way at which the feeder is woken: half a window, or more to keep workers busy."""
        half = self._largest_in_flight() // 2
        if self._buffersize is None:
            return half
        return min(self._full(), max(half, 2 * self._channel.capacity * self._window.chunk))

    def _has_room(self) -> bool:
        return self._unbounded or (not self._paused and self._sent - self._taken <= self._full())

    def _next_size(self) -> int:
        """How many items are taken and sent at a time.

        Of an iterator that may block, no more than a message has: it may wait for the results of the items before.
        """
        size = LARGEST_HANDOVER if self._window.chunk == 1 and self._counted is not None else self._window.chunk
        if self._unbounded:
            return size
        return max(1, min(size, self._largest_in_flight() - (self._sent - self._taken)))

    def _send(self, items: list[Any]) -> None:
        with self._guard:
            if self._ended:
                return
            first = self._sent
            self._in_flight.update(enumerate(items, first))
            self._sent += len(items)
        if self._window.chunk == 1 or not self._send_batch(first, items):
            self._send_each(first, items)
        self._handed = first + len(items)
        if self._ended:  # by another thread, which could not cancel what was sent since
            self._channel.cancel_queued(self.job_id)

    def _send_batch(self, first: int, items: list[Any]) -> bool:
        if not self._is_balanced:
            self._is_balanced = True
            self._channel.balance(self.job_id)
        try:
            self._channel.send_batch(self.job_id, first, items, [0])
        except BufferError:
            self._window.send_singly()  # they are large
        except Exception:
            pass  # some cannot be pickled: which?
        else:
            return True
        return False

    def _send_each(self, first: int, items: list[Any]) -> None:
        progress = [first]
        failures: list[tuple[int, BaseException]] = []
        while (begin := progress[0] - first) < len(items):
            try:
                if len(items) == 1:  # no list is passed on
                    self._channel.send(self.job_id, first, items[0])
                    return
                self._channel.send_many(self.job_id, progress[0], items[begin:], progress, failures)
            except Exception as error:  # of sending; of pickling, if it is one
                failures.append((progress[0], error))
                progress[0] += 1
        if failures:
            self._refuse(failures)

    def _refuse(self, failures: list[tuple[int, BaseException]]) -> None:
        """Items that cannot be pickled have their outcomes already."""
        for i, reason in failures:
            self._arrived[i] = Failed(reason)
            self._failed += 1
            self._table.failed += 1
            self._in_flight.pop(i, None)
        self._look()

    def _end(self, error: BaseException) -> bool:
        """Send no more items; the last result is this error, unless the end was there before."""
        with self._guard:
            ends = not self._ended
            if ends:
                self._arrived[self._sent] = Failed(error)
                self._sent += 1
                self._ended = True
        return ends

    def _leave(self) -> None:
        """Leave the table at last: what is interrupted before is done again, as long as the job is in the table."""
        self._pool = None
        if self.on_end is not None:
            self.on_end()
        self.wake()
        self._table.leave(self)

    def _look(self) -> None:
        """Wake the thread that waits for the iterator, because its state has changed without a row."""
        if self._ended and not self._in_flight:
            self._leave()
            self._table.changed()
        self.wake()
        self._channel.tell(CALLS, WAKE, None)

    # -- the collector ------------------------------------------------------------------------------

    def put(self, rows: Iterable[Row]) -> None:
        """Store the results of rows."""
        in_flight, arrived, simple = self._in_flight, self._arrived, not self._retried
        for _, index, n, ok, value in rows:
            if n:
                self._put_batch(index, ok, value)
            elif index not in in_flight:
                if index == WITHDRAWN:
                    self._fail_withdrawn(*value)
            elif ok is True and type(value) not in SPECIAL and simple:
                arrived[index] = value
                in_flight.pop(index, None)
            else:
                self._put_one(index, ok is True and type(value) not in SPECIAL, bool(ok), value)
        if self.unwanted:
            self._take_unwanted()

    def _put_batch(self, index: int, ok: bool | list[int], value: Any) -> None:
        bad = () if ok is True else frozenset(ok or ())
        for i, one in enumerate(value):
            self._put_one(index + i, i not in bad, type(one) is Failure, one)

    def _put_one(self, index: int, good: bool, ok: bool, value: Any) -> None:
        item = self._in_flight.get(index, _GONE)
        if item is _GONE:
            return
        if not good:
            if type(value) is Unread:
                self._channel.send_later(self, index, 0)
                return
            if self._retries.again(self, index, value, self.options):
                return
            value = failed(ok, value, lambda: self._describe(item))
            self._failed += 1
            self._table.failed += 1
        self._arrived[index] = value
        self._in_flight.pop(index, None)
        self._retries.forget(index)

    def _describe(self, item: Any) -> str:
        return described(self._function, item if self._star else (item,), {})

    def advance(self) -> None:
        """Wake the thread that waits for the iterator."""
        if self._ended and not self._in_flight:
            self._leave()
        else:
            self.wake()

    def widen(self, workers: int) -> None:
        """Have the feeder send more if there are more workers."""
        self._window.widen(workers)
        self._room.release()

    def counts(self) -> Counts:
        """How far it is."""
        from processing_pool._progress.counts import Counts  # here, for few programs ask

        return Counts(max(0, self._sent - len(self._in_flight)), self._total, self._failed, self._retries.count)

    def length(self) -> int | None:
        """How many items there are; ``None`` until the iterable is at its end."""
        return self._sent if self._ended else None

    def timeout_of(self, index: int) -> float | None:
        """Seconds that an item may run."""
        return self.options.timeout

    def priority_of(self, index: int) -> int:
        """The priority of an item."""
        return self.options.priority

    def resend(self, index: int, n: int) -> None:
        """Send items again, each by itself."""
        for i in range(index, index + n):
            try:
                with self._guard:  # so that an end comes before, or takes back what was sent
                    item = self._in_flight[i]
                    if self._withdrawn:
                        self._channel.tell(self.job_id, WITHDRAWN, (i + 1, [(0, i)]))
                    else:
                        self._channel.send(self.job_id, i, item)
            except KeyError:
                pass  # it was abandoned
            except MemoryError:
                self._channel.send_later(self, i, 0.1)
            except Exception as error:
                self._channel.tell(self.job_id, i, failure_of(error))

    # -- the iterator -------------------------------------------------------------------------------

    def is_ready(self) -> bool:
        """Whether there is a result to take, or the end is reached."""
        if self._ordered:
            return self._taken in self._arrived or self.is_over()
        return bool(self._arrived) or self.is_over()

    def is_over(self) -> bool:
        """Whether all results were taken."""
        return self._ended and self._taken >= self._sent

    def take(self) -> list[Any]:
        """Take the next results; :meth:`is_ready` must have returned true."""
        most = LARGEST_TAKE if self._buffersize is None else 1
        if self._ordered:
            numbers = list(takewhile(self._arrived.__contains__, range(self._taken, self._taken + most)))
        else:
            numbers = list(islice(list(self._arrived), most))
        results = list(map(self._arrived.pop, numbers))
        self._taken += len(results)
        if self._feeder_waits and self._sent - self._taken <= self._low():
            self._feeder_waits = False
            self._room.release()
        return results

    # -- ends ---------------------------------------------------------------------------------------

    def close(self) -> None:
        """Note that the pool was closed: the remaining items are run, whether the iterator is used or not."""
        self._unbounded = True
        self._room.release()

    def abandon(self) -> None:
        """Note that the iterator is gone.

        Does not block, and may be called by a finalizer. If the iterator was never advanced, all items are run, at the
        workers' pace, and the results are not kept. If it was advanced, no more items are taken from the iterable;
        those that were taken are run, and the rest when the pool is closed.
        """
        self._paused = self._taken > 0
        self.unwanted = True
        self._take_unwanted()
        self._table.collect_unwatched(self)

    def needs_collecting(self) -> bool:
        """Whether the iterator is gone and there are, or will be, outcomes that no other thread collects."""
        return bool(self._in_flight) or not (self._ended or self._paused)

    def keep(self, pool: object) -> None:
        """Keep the pool alive until all items are done."""
        self._pool = pool

    def _take_unwanted(self) -> None:
        self._taken += len(self._arrived)
        self._arrived.clear()
        self._feeder_waits = False
        self._room.release()

    def drop(self) -> None:
        """Note that the iterator was closed: queued items are not begun.

        Does not block, and may be called by a finalizer.
        """
        with self._guard:
            self._ended = True
            self._sent = self._taken  # a thread that goes on with it is told that it is over
            self._in_flight.clear()
        self._channel.cancel_queued(self.job_id)
        self._room.release()
        self._leave()
        self._table.changed()

    def withdraw(self) -> None:
        """Take no more items, and fail those that no worker has begun: the pool is shut down."""
        with self._guard:
            self._withdrawn = True
            if self._counted is None or self._sent != len(self._counted):
                self._end(_withdrawn())
            self._ended = True
        self._room.release()
        self._take_back_sent()

    def _take_back_sent(self) -> None:
        """Cancel what is queued.  What was is known once all outcomes that are there now have been received."""
        handed = self._handed
        self._channel.cancel_queued(self.job_id)
        self._channel.tell(self.job_id, WITHDRAWN, (handed, self._channel.taken(self.job_id)))

    def _fail_withdrawn(self, handed: int, taken: list[tuple[int, int]]) -> None:
        for number in list(self._in_flight):
            if number < handed and not any(first <= number < end for first, end in taken):
                self._arrived[number] = Failed(_withdrawn())
                self._in_flight.pop(number, None)
        if self.unwanted:
            self._take_unwanted()

    def abort(self, error: BaseException) -> bool:
        """End with an error: no further outcome will arrive.

        :return: whether the error is one of the outcomes.
        """
        told = self._end(error)
        self._room.release()
        for number in list(self._in_flight):
            self._arrived[number] = Failed(error)
            self._in_flight.pop(number, None)
            told = True
        self._leave()
        return told


def _withdrawn() -> TaskCancelled:
    return TaskCancelled("the pool was shut down before it had begun")


def _total_of(items: object) -> int | None:
    length = length_hint(items, -1)
    return length if length >= 0 else None


def _close(items: Iterator[Any]) -> None:
    try:
        getattr(items, "close", lambda: None)()
    except BaseException:
        pass  # a generator that refuses to end: no caller is there to get the error
