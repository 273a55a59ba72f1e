"""``SimpleQueue``: the least that a queue can be."""

from __future__ import annotations

from processing_core.annotations import TypeVar
from processing_core.lowlevel import Queue as _KernelQueue
from processing_core.lowlevel import register_factory
from processing_queues._reader import Reader

__all__ = ["SimpleQueue"]

T = TypeVar("T")


class SimpleQueue(_KernelQueue[T]):
    """An unbounded first-in, first-out queue between processes and threads.

    It keeps the promises of `Queue`, and is as fast: it only has fewer methods to know, `put`, `get`, `empty` and
    `close`, and takes no bound.  Making one does not block.

    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> queue = processing.SimpleQueue()
    >>> queue.put("hello")
    >>> queue.get()
    'hello'
    """

    __slots__ = ("__weakref__",)

    def __new__(cls) -> SimpleQueue[T]:
        return super().__new__(cls)

    @property
    def _reader(self) -> Reader[T]:
        return Reader(self)


register_factory("SimpleQueue", SimpleQueue)
