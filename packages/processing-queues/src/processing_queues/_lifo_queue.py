"""``LifoQueue``: a stack between processes."""

from __future__ import annotations

from processing_core.annotations import TypeVar
from processing_core.lowlevel import register_factory
from processing_queues._pile_queue import PileQueue

__all__ = ["LifoQueue"]

T = TypeVar("T")


class LifoQueue(PileQueue[T]):
    """A last-in, first-out queue between processes and threads: ``queue.LifoQueue``, without a server.

    It keeps the promises of `Queue`: what is put is pickled at once into shared memory, whoever is killed loses at most
    the operation it was in, and it can be sent anywhere in the family.  Making one does not block.

    :param maxsize: how many objects it holds before :meth:`put` waits; 0 is no bound.
    :param max_bytes: how many bytes of messages it holds before :meth:`put` waits; 0 is no bound.
    :raises ValueError: if a bound is negative.
    :raises TypeError: if a bound is not an integer.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> queue = processing.LifoQueue()
    >>> queue.put("first")
    >>> queue.put("last")
    >>> queue.get()
    'last'
    """

    __slots__ = ()

    def __new__(cls, maxsize: int = 0, max_bytes: int = 0) -> LifoQueue[T]:
        return super().__new__(cls, maxsize, max_bytes)


register_factory("LifoQueue", LifoQueue)
