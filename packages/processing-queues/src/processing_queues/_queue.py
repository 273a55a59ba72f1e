"""``Queue``: a queue of the kernel's, with the rest of what ``queue`` and ``multiprocessing`` offer.

``put``, ``get`` and their kin are the kernel's own methods, not wrapped, for a call through Python
costs as much again as the operation.  That a queue was closed is a flag in the kernel's handle,
beside the word that every operation reads first.
"""

from typing import TypeVar

from processing_core import StateError
from processing_core.lowlevel import Queue as _KernelQueue
from processing_core.lowlevel import register_factory
from processing_queues._aliases import QueueAliases

__all__ = ["Queue"]

T = TypeVar("T")


class Queue(QueueAliases[T], _KernelQueue[T]):
    """A first-in, first-out queue between processes and threads.

    What is put is pickled at once into shared memory: no thread feeds anything, so a process may
    end, or be joined, at once after its puts.  The objects of one producer arrive in the order in
    which it put them.  A process that is killed loses at most the operation it was in.  A queue
    can be sent anywhere in the family: as an argument of a process, in a task, through a queue.
    Making one does not block.

    :param maxsize: how many objects it holds before :meth:`put` waits; 0 is no bound.
    :param max_bytes: how many bytes of messages it holds before :meth:`put` waits; 0 is no bound.
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

    def join_thread(self) -> None:
        """Do nothing: what was put is in shared memory already, and no thread feeds it.

        :raises StateError: if the queue was not closed.
        """
        if not self._closed:
            raise StateError(f"Queue {self!r} not closed")

    def cancel_join_thread(self) -> None:
        """Do nothing: ending never waits for a queue, and loses nothing that was put."""


register_factory("Queue", Queue)
