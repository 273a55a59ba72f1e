"""``Queue``: a queue of the kernel's, with the rest of what ``queue`` and ``multiprocessing`` offer.

``put``, ``get`` and their kin are the kernel's own methods, not wrapped, for a call through Python
costs as much again as the operation.  That a queue was closed is a flag in the kernel's handle,
beside the word that every operation reads first.
"""

from __future__ import annotations

import sys

from processing_core import StateError
from processing_core.annotations import TypeVar
from processing_core.lowlevel import Queue as _KernelQueue
from processing_core.lowlevel import register_factory
from processing_queues._aliases import QueueAliases
from processing_queues._reader import Reader

if sys.version_info >= (3, 13):
    from queue import ShutDown as ShutDown
else:
    from processing_core.lowlevel import ShutDown as ShutDown

__all__ = ["Queue", "ShutDown"]

T = TypeVar("T")


class Queue(QueueAliases[T], _KernelQueue[T]):
    """A first-in, first-out queue between processes and threads.

    What is put is pickled at once into shared memory: no thread feeds anything, so a process may
    end, or be joined, at once after its puts.  The objects of one producer arrive in the order in
    which it put them; no more is promised of their order.  A process that is killed loses at most
    the operation it was in.  A queue can be sent anywhere in the family: as an argument of a
    process, in a task, through a queue.  Making one does not block.

    :param maxsize: how many objects it holds before :meth:`put` waits; 0 is no bound.
    :param max_bytes: how many bytes of messages, large buffers included, it holds before :meth:`put` waits; 0 is no
        bound.  A message that is larger than the bound fits an empty queue.
    :raises ValueError: if a bound is negative.
    :raises TypeError: if a bound is not an integer.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> queue = processing.Queue()
    >>> queue.put({"answer": 42})
    >>> queue.get()
    {'answer': 42}
    """

    __slots__ = ("__weakref__",)

    @property
    def _reader(self) -> Reader[T]:
        return Reader(self)

    @property
    def maxsize(self) -> int:
        """How many objects it holds before `put` waits; 0 is no bound.  Does not block."""
        return self._maxsize

    @property
    def max_bytes(self) -> int:
        """How many bytes of messages it holds before `put` waits; 0 is no bound.  Does not block."""
        return self._max_bytes

    def task_done(self) -> None:
        """Say that an item which was got has been dealt with.

        Does not block; process- and thread-safe.  Works after :meth:`close` too.

        :raises ValueError: if it is called more often than items were put.
        """
        self._task_done()

    def join(self) -> None:
        """Wait until every item that was put has been dealt with, by a `task_done` for each.

        Blocks; a signal handler that raises interrupts it.  Process- and thread-safe.  A process that dies between
        `get` and `task_done` leaves its item undone; a `task_done` in its place ends the wait.  After
        ``shutdown(immediate=True)`` only the items that were got by then count.
        """
        self._join()

    def join_thread(self) -> None:
        """Do nothing: what was put is in shared memory already, and no thread feeds it.

        :raises StateError: if the queue was not closed.
        """
        if not self._closed:
            raise StateError(f"Queue {self!r} not closed")

    def cancel_join_thread(self) -> None:
        """Do nothing: ending never waits for a queue, and loses nothing that was put."""


register_factory("Queue", Queue)
