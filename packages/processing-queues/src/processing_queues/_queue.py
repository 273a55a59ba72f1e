"""``Queue``: a queue of the kernel's, with the rest of what ``queue`` and ``multiprocessing`` offer.

``put``, ``get`` and the like are the kernel's own methods without a wrapper, because a call through Python would take
as long as the operation. The flag of a closed queue is in the kernel's handle, beside the word that every operation
reads first.
"""

from __future__ import annotations

from processing_core import NotPicklableError, StateError
from processing_core.annotations import TYPE_CHECKING, Any, TypeVar
from processing_core.lowlevel import Derivable, register_factory
from processing_core.lowlevel import Queue as _KernelQueue
from processing_queues._aliases import QueueAliases
from processing_queues._awaitable import AwaitableQueue, JoinedQueue
from processing_queues._overrides import follow_overrides

if TYPE_CHECKING:
    from processing_queues._reader import Reader, Writer

__all__ = ["Queue"]

T = TypeVar("T")


class Queue(Derivable, QueueAliases[T], AwaitableQueue[T], JoinedQueue, _KernelQueue[T]):
    """A first-in, first-out queue between processes and threads.

    `put` pickles the object into shared memory before it returns. There is no feeder thread, so a process may end, or
    be joined, at once after its puts. The objects of one producer arrive in the order in which it put them; there is no
    order between different producers. A killed process loses at most the operation it was in. A queue can be sent to
    any process of the family: as an argument of a process, in a task, through a queue.  Making one does not block.

    :param maxsize: how many objects it holds before :meth:`put` waits; 0, or less, is no bound.
    :param max_bytes: how many bytes of messages, large buffers included, it holds before :meth:`put` waits; 0 is no
        bound.  A message that is larger than the bound fits an empty queue.
    :param ctx: for compatibility; nothing depends on it.
    :raises ValueError: if ``max_bytes`` is negative.
    :raises TypeError: if a bound is not an integer.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> queue = processing.Queue()
    >>> queue.put({"answer": 42})
    >>> queue.get()
    {'answer': 42}
    """

    __slots__ = ("__dict__", "__weakref__")

    def __init_subclass__(cls, **options: Any) -> None:
        """Call a class's ``_on_queue_feeder_error(error, obj)``, if it has one, where `put` would raise.

        It is called for an object that cannot be pickled, as in ``multiprocessing``.
        """
        super().__init_subclass__(**options)
        if "_on_queue_feeder_error" in cls.__dict__ and "put" not in cls.__dict__:
            type.__setattr__(cls, "put", _put_or_report)  # no declaration, which checkers would take for all classes
        follow_overrides(cls, Queue)

    @property
    def _reader(self) -> Reader[T]:
        from processing_queues._reader import reader_of  # here, as below, for few programs ask

        return reader_of(self)

    @property
    def _writer(self) -> Writer[T]:
        from processing_queues._reader import Writer

        return Writer(self)

    @property
    def _buffer(self) -> tuple[()]:
        """What was put and is in this process only, as programs ask before they end: nothing."""
        return ()

    @property
    def maxsize(self) -> int:
        """How many objects it holds before `put` waits; 0 is no bound.  Does not block."""
        return self._maxsize

    @property
    def max_bytes(self) -> int:
        """How many bytes of messages it holds before `put` waits; 0 is no bound.  Does not block."""
        return self._max_bytes

    def task_done(self) -> None:
        """Report that an item which `get` returned is finished.

        Does not block; process- and thread-safe.  Works after :meth:`close` too.

        :raises ValueError: if it is called more often than items were put.
        """
        self._task_done()

    def join(self) -> None:
        """Wait until every item that was put is finished, by a `task_done` for each.

        Blocks; a signal handler that raises interrupts it.  Process- and thread-safe.  If a process dies between `get`
        and `task_done`, its item stays unfinished, until another process calls `task_done` for it. After
        ``shutdown(immediate=True)`` only the items that were got before count.
        """
        self._join()

    def join_thread(self) -> None:
        """Do nothing: objects that were put are in shared memory already, and there is no feeder thread.

        :raises StateError: if the queue was not closed.
        """
        if not self._closed:
            raise StateError(f"Queue {self!r} not closed")

    def cancel_join_thread(self) -> None:
        """Do nothing: a process never waits for a queue at its end, and loses no object that it has put."""


def _put_or_report(queue: Any, obj: Any, block: bool = True, timeout: float | None = None) -> None:
    """Put an object as `Queue.put` does; if it cannot be pickled, report that and put nothing."""
    try:
        Queue.put(queue, obj, block, timeout)
    except NotPicklableError as error:
        queue._on_queue_feeder_error(error.__cause__ or error, obj)


register_factory("Queue", Queue)
