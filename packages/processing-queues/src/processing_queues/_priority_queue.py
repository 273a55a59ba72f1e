"""``PriorityQueue``: the least first, between processes."""

from __future__ import annotations

from collections.abc import Callable

from processing_core.annotations import Any, TypeVar
from processing_core.lowlevel import register_factory
from processing_queues._ordered_queue import OrderedQueue

__all__ = ["PriorityQueue"]

T = TypeVar("T")


class PriorityQueue(OrderedQueue[T]):
    """A queue between processes and threads of which the least item is taken first: ``queue.PriorityQueue``, without a
    server.

    An item is ranked when it is put, so no code of the item's runs while the queue is locked.  Ranked are numbers,
    text, bytes, tuples and lists that begin with these, dataclasses made with ``order=True`` by the fields that they
    compare, and anything else by a ``key``.  Items of the same rank come out in the order in which they were put; so do
    tuples that differ only from an item on that has no rank, which ``queue`` would compare.  Values that Python refuses
    to compare are in the order None, numbers, text, bytes, tuples, lists; NaN comes after every other number.

    It has the guarantees of `Queue`: `put` pickles the object into shared memory before it returns, a killed process
    loses at most the operation it was in, and the queue can be sent to any process of the family, with its ``key``.
    Making one does not block.

    :param maxsize: how many objects it holds before :meth:`put` waits; 0, or less, is no bound.
    :param max_bytes: how many bytes of messages it holds before :meth:`put` waits; 0 is no bound.
    :param key: a function of an item that returns the value by which the item is sorted.
    :param ctx: for compatibility; nothing depends on it.
    :raises ValueError: if ``max_bytes`` is negative.
    :raises TypeError: if a bound is not an integer.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> queue = processing.PriorityQueue()
    >>> queue.put((2, "write"))
    >>> queue.put((1, "read"))
    >>> queue.get()
    (1, 'read')
    """

    __slots__ = ("_key",)

    _key: Callable[[T], Any] | None

    def __new__(
        cls, maxsize: int = 0, max_bytes: int = 0, *, key: Callable[[T], Any] | None = None, ctx: object = None
    ) -> PriorityQueue[T]:
        self = super().__new__(cls, maxsize, max_bytes, True)
        self._key = key
        return self

    def __init__(
        self, maxsize: int = 0, max_bytes: int = 0, *, key: Callable[[T], Any] | None = None, ctx: object = None
    ) -> None:
        if type(self) is not PriorityQueue:  # of a class that a program derives, which was made without them
            super().__init__(maxsize, max_bytes, True)
            self._key = key

    def _sort_key(self, obj: T) -> object:
        if self._key is not None:
            return self._key(obj)
        names = _compared(type(obj))
        return obj if names is None else tuple(getattr(obj, name) for name in names)

    def __reduce__(self) -> tuple[Any, ...]:
        return (*super().__reduce__()[:2], (self._key,))

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) == 1:
            (self._key,) = state
        else:  # of a program's class
            super().__setstate__(state)


def _compared(cls: type) -> tuple[str, ...] | None:
    """The fields by which dataclasses of this very type are ordered; ``None`` if it is none."""
    parameters = vars(cls).get("__dataclass_params__")
    if parameters is None or not parameters.order:
        return None
    from dataclasses import fields  # here, for it is slow to import, and has been imported if there is such a class

    return tuple(field.name for field in fields(cls) if field.compare)


register_factory("PriorityQueue", PriorityQueue)
