"""What `LifoQueue` and `PriorityQueue` have in common: a queue's methods, over a priority queue of the kernel's."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from time import monotonic

from processing_core import StateError
from processing_core.annotations import TypeVar
from processing_core.lowlevel import Derivable, checked_timeout
from processing_core.lowlevel import PriorityQueue as KernelPriorityQueue
from processing_queues._aliases import QueueAliases
from processing_queues._awaitable import AwaitableQueue, JoinedQueue
from processing_queues._exceptions import Empty, ShutDown
from processing_queues._reader import Reader, reader_of

__all__ = ["OrderedQueue"]

T = TypeVar("T")


class OrderedQueue(Derivable, QueueAliases[T], AwaitableQueue[T], JoinedQueue, KernelPriorityQueue[T]):
    """A queue of which not the first is taken first."""

    __slots__ = ("__dict__", "__weakref__")

    @property
    def _reader(self) -> Reader[T]:
        return reader_of(self)

    def _sort_key(self, obj: T) -> object:
        """What decides which item is taken first; ``None`` if the last is."""
        return None

    def put(self, obj: T, block: bool = True, timeout: float | None = None) -> None:
        """Put an object.  Blocks while the queue is full; process- and thread-safe.

        It is pickled here and now, so what cannot be pickled raises in the caller, and the queue is as before.  A
        signal handler that raises interrupts the wait, and then nothing was put.

        :param block: whether to wait for room.
        :param timeout: seconds; ``None`` waits for ever.
        :raises queue.Full: if there was no room in time.
        :raises ShutDown: if the queue was shut down.
        :raises ClosedError: if it was closed in this process.
        :raises MemoryError: if the family's arena is full.
        :raises Exception: what pickling the object raises.
        """
        self._put(self._sort_key(obj), obj, block, timeout)

    def put_nowait(self, obj: T) -> None:
        """Put an object without waiting: ``put(obj, False)``.

        :raises queue.Full: if there is no room.
        """
        self.put(obj, False)

    def put_many(self, objs: Iterable[T], block: bool = True, timeout: float | None = None) -> None:
        """Put several objects, one after another: here each is an operation of its own.  Otherwise as `put`.

        :param objs: an iterable.
        :param timeout: seconds for all of them; ``None`` waits for ever.
        """
        seconds = checked_timeout(timeout)
        deadline = None if seconds is None else monotonic() + seconds
        for obj in list(objs):
            self.put(obj, block, None if deadline is None else max(0.0, deadline - monotonic()))

    def get(self, block: bool = True, timeout: float | None = None, *, copy: bool = False) -> T:
        """Take an object.  Blocks while the queue is empty; process- and thread-safe.

        A signal handler that raises interrupts the wait, and then nothing was taken.  A large buffer in the object is
        not copied, as in `Queue`.

        :param block: whether to wait for one.
        :param timeout: seconds; ``None`` waits for ever.
        :param copy: whether to copy large buffers into this process's own memory.
        :raises queue.Empty: if none came in time.
        :raises ShutDown: if the queue was shut down and is empty.
        :raises ClosedError: if it was closed in this process.
        :raises Exception: what unpickling the object raises; the next call takes the next one.
        """
        return self._get(block, timeout, copy=copy)

    def get_nowait(self) -> T:
        """Take an object without waiting: ``get(False)``.

        :raises queue.Empty: if there is none.
        """
        return self.get(False)

    def get_many(self, limit: int, block: bool = True, timeout: float | None = None, *, copy: bool = False) -> list[T]:
        """Take the present objects, each by an operation of its own. Blocks while the queue is empty.

        Otherwise as `get`.  An object that cannot be unpickled ends the call: if others were taken before it, they are
        returned, and the next call raises its error.

        :param limit: how many at most; at least 1.
        :return: a list of one object or more.
        :raises ValueError: if ``limit`` is less than 1.
        """
        limit = operator.index(limit)
        if limit < 1:
            raise ValueError(f"get_many() limit {limit}: it must be at least 1")
        objects = [self.get(block, timeout, copy=copy)]
        try:
            while len(objects) < limit:
                objects.append(self.get(False, copy=copy))
        except (Empty, ShutDown):
            pass
        except Exception as error:
            self._fail_next(error)
        return objects

    def qsize(self) -> int:
        """How many objects are in the queue; by the time you know it may be otherwise.  Does not block."""
        return self._qsize()

    def empty(self) -> bool:
        """Whether the queue is empty; False as soon as a `put` has returned.  Does not block."""
        return self._qsize() == 0

    def full(self) -> bool:
        """Whether a `put` would have to wait.  Does not block."""
        return self._full()

    def task_done(self) -> None:
        """Say that an item which was got has been dealt with.  As in `Queue`.

        :raises ValueError: if it is called more often than items were put.
        """
        self._task_done()

    def join(self) -> None:
        """Wait until every item that was put has been dealt with.  Blocks, as in `Queue`."""
        self._join()

    def shutdown(self, immediate: bool = False) -> None:
        """Let every later `put` raise `ShutDown`, and `get` as soon as the queue is empty.  As in `Queue`.

        :param immediate: whether to discard the objects in the queue.
        :raises ClosedError: if it was closed in this process.
        """
        self._shutdown(immediate)

    @property
    def is_shutdown(self) -> bool:
        """Whether it was shut down, by any process.  Does not block."""
        return self._is_shutdown

    @property
    def maxsize(self) -> int:
        """How many objects it holds before `put` waits; 0 is no bound.  Does not block."""
        return self._maxsize

    @property
    def max_bytes(self) -> int:
        """How many bytes of messages it holds before `put` waits; 0 is no bound.  Does not block."""
        return self._max_bytes

    def close(self) -> None:
        """Refuse every later use of this queue in this process; other processes are not concerned.

        Does not block; a second call does nothing.
        """
        self._close()

    def join_thread(self) -> None:
        """Do nothing: what was put is in shared memory already.

        :raises StateError: if the queue was not closed.
        """
        if not self._closed:
            raise StateError(f"Queue {self!r} not closed")

    def cancel_join_thread(self) -> None:
        """Do nothing: ending never waits for a queue, and loses nothing that was put."""
