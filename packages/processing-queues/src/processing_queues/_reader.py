"""``Reader``: what programs find as a queue's ``_reader``."""

from __future__ import annotations

from processing_core.annotations import Any, Generic, TypeVar
from processing_core.lowlevel import Pile, checked_timeout
from processing_core.lowlevel import Queue as KernelQueue

__all__ = ["Reader"]

T_co = TypeVar("T_co", covariant=True)


class Reader(Generic[T_co]):
    """The reading side of a queue, for programs that give ``queue._reader`` to `wait`.

    In ``multiprocessing`` that is a connection.  Here a queue has no descriptor, so this has no ``fileno``, and cannot
    be registered with selectors; `wait` takes it, and the queue itself as well.

    :param queue: the queue.
    """

    __slots__ = ("queue",)

    def __init__(self, queue: KernelQueue[T_co] | Pile[T_co]) -> None:
        self.queue: Any = queue

    def poll(self, timeout: float | None = 0.0) -> bool:
        """Whether there is something to get.  Blocks for ``timeout``.

        :param timeout: seconds; ``None`` waits for ever.
        :raises ClosedError: if the queue was closed in this process.
        :raises TypeError: if ``timeout`` is not a number.
        """
        from processing_queues._wait import wait  # which knows this class

        return bool(wait([self], checked_timeout(timeout)))

    def recv(self) -> T_co:
        """What the queue's ``get`` returns.  Blocks until there is something."""
        item: T_co = self.queue.get()
        return item
