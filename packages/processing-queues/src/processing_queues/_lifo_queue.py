"""``LifoQueue``: a stack between processes."""

from __future__ import annotations

from processing_core.annotations import TYPE_CHECKING, TypeVar
from processing_core.lowlevel import register_factory
from processing_queues._ordered_queue import OrderedQueue

__all__ = ["LifoQueue"]

T = TypeVar("T")


class LifoQueue(OrderedQueue[T]):
    """A last-in, first-out queue between processes and threads: ``queue.LifoQueue``, without a server.

    It has the guarantees of `Queue`: `put` pickles the object into shared memory before it returns, a killed process
    loses at most the operation it was in, and the queue can be sent to any process of the family.  Making one does not
    block.

    :param maxsize: how many objects it holds before :meth:`put` waits; 0, or less, is no bound.
    :param max_bytes: how many bytes of messages it holds before :meth:`put` waits; 0 is no bound.
    :param ctx: for compatibility; nothing depends on it.
    :raises ValueError: if ``max_bytes`` is negative.
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

    if TYPE_CHECKING:  # what programs' classes call

        def __init__(self, maxsize: int = 0, max_bytes: int = 0, *, ctx: object = None) -> None: ...

    else:

        def __new__(cls, maxsize=0, max_bytes=0, *, ctx=None):
            return super().__new__(cls, maxsize, max_bytes)


register_factory("LifoQueue", LifoQueue)
