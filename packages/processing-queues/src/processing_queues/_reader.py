"""``Reader`` and ``Writer``: the attributes ``_reader`` and ``_writer`` of a queue."""

from __future__ import annotations

import weakref

from processing_core.annotations import Any, Generic, TypeVar
from processing_core.lowlevel import PriorityQueue as KernelPriorityQueue
from processing_core.lowlevel import Queue as KernelQueue
from processing_core.lowlevel import checked_timeout

__all__ = ["Reader", "Writer", "reader_of"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Reader(Generic[T_co]):
    """The reading side of a queue, for programs that pass ``queue._reader`` to `wait`.

    In ``multiprocessing`` that is a connection.  Here a queue has no descriptor, so this has no ``fileno``, and cannot
    be registered with selectors; `wait` takes it, and the queue itself as well.

    :param queue: the queue.
    """

    __slots__ = ("__weakref__", "queue")

    def __init__(self, queue: KernelQueue[T_co] | KernelPriorityQueue[T_co]) -> None:
        self.queue: Any = queue

    @property
    def waited_queue(self) -> KernelQueue[T_co] | KernelPriorityQueue[T_co]:
        """The queue, for which `wait` waits instead of this object."""
        queue: KernelQueue[T_co] | KernelPriorityQueue[T_co] = self.queue
        return queue

    @property
    def closed(self) -> bool:
        """Whether the queue was closed in this process.  Does not block."""
        closed: bool = self.queue._closed
        return closed

    def close(self) -> None:
        """Do nothing: there is no descriptor to close.  Programs close this side where they only put."""

    def poll(self, timeout: float | None = 0.0) -> bool:
        """Whether there is something to get.  Blocks for ``timeout``.

        :param timeout: seconds; ``None`` waits for ever.
        :raises ClosedError: if the queue was closed in this process.
        :raises TypeError: if ``timeout`` is not a number.
        """
        from processing_queues._wait import wait  # here, for few programs wait for a queue so

        return bool(wait([self], checked_timeout(timeout)))

    def recv(self) -> T_co:
        """Get an object as the queue's ``get``. Blocks while the queue is empty."""
        item: T_co = self.queue.get()
        return item


class Writer(Generic[T]):
    """The writing side of a queue, for programs that look at ``queue._writer``; without descriptor, as the other side.

    :param queue: the queue.
    """

    __slots__ = ("queue",)

    def __init__(self, queue: KernelQueue[T]) -> None:
        self.queue = queue

    @property
    def closed(self) -> bool:
        """Whether the queue was closed in this process.  Does not block."""
        return self.queue._closed

    def close(self) -> None:
        """Do nothing: there is no descriptor to close.  Programs close this side where they only get."""

    def send(self, obj: T) -> None:
        """Put an object as the queue's ``put``. Blocks while the queue is full."""
        self.queue.put(obj)


_readers: weakref.WeakValueDictionary[int, Reader[Any]] = weakref.WeakValueDictionary()  # by the queue's id


def reader_of(queue: KernelQueue[T_co] | KernelPriorityQueue[T_co]) -> Reader[T_co]:
    """The reader of a queue object: always the same one, as long as it is referred to.

    It keeps the queue alive, so the queue's id is the queue's.  Does not block.
    """
    return _readers.get(id(queue)) or _readers.setdefault(id(queue), Reader(queue))
