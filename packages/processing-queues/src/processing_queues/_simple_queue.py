"""``SimpleQueue``: the least that a queue can be."""

from __future__ import annotations

from processing_core.annotations import TYPE_CHECKING, TypeVar
from processing_core.lowlevel import Derivable, register_factory
from processing_core.lowlevel import Queue as _KernelQueue
from processing_queues._awaitable import AwaitableQueue
from processing_queues._reader import Reader, Writer, reader_of

__all__ = ["SimpleQueue"]

T = TypeVar("T")


class SimpleQueue(Derivable, AwaitableQueue[T], _KernelQueue[T]):
    """An unbounded first-in, first-out queue between processes and threads.

    It keeps the promises of `Queue`, and is as fast: it only has fewer methods to know, `put`, `get`, `empty` and
    `close`, and takes no bound.  Making one does not block.

    :param ctx: for compatibility; nothing depends on it.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> queue = processing.SimpleQueue()
    >>> queue.put("hello")
    >>> queue.get()
    'hello'
    """

    __slots__ = ("__dict__", "__weakref__")

    if TYPE_CHECKING:  # what programs' classes call

        def __init__(self, *, ctx: object = None) -> None: ...

    else:

        def __new__(cls, *, ctx=None):
            return super().__new__(cls)

    def empty(self) -> bool:
        """Whether it is empty; False as soon as a put has returned.  Does not block.

        :raises ClosedError: if it was closed in this process.
        """
        return self.qsize() == 0

    @property
    def _reader(self) -> Reader[T]:
        return reader_of(self)

    @property
    def _writer(self) -> Writer[T]:
        return Writer(self)


register_factory("SimpleQueue", SimpleQueue)
