"""``JoinableQueue``: a queue whose items are tasks, which can be waited for."""

from __future__ import annotations

from processing_core.annotations import TYPE_CHECKING, TypeVar
from processing_core.lowlevel import register_factory
from processing_queues._queue import Queue

if TYPE_CHECKING:
    from processing_queues._unfinished_tasks import AllFinished, UnfinishedTasks

__all__ = ["JoinableQueue"]

T = TypeVar("T")


class JoinableQueue(Queue[T]):
    """A `Queue`, under the name that it has in ``multiprocessing`` where it is to be joined.

    A consumer that gets an item calls `task_done` when it has dealt with it; `join` waits until all items are done.
    A process that dies between the two leaves its item undone, so that a `join` waits on; that can be interrupted by
    Ctrl-C, and ended by a `task_done` in the dead one's place.

    The count is derived from the queue's own, so a producer's or consumer's death cannot set it wrong.

    >>> import processing
    >>> queue = processing.JoinableQueue()
    >>> queue.put("a task")
    >>> queue.get()
    'a task'
    >>> queue.task_done()
    >>> queue.join()
    """

    __slots__ = ()

    @property
    def _unfinished_tasks(self) -> UnfinishedTasks:
        from processing_queues._unfinished_tasks import UnfinishedTasks  # here, as below, for few programs ask

        return UnfinishedTasks(self)

    @property
    def _cond(self) -> AllFinished:
        from processing_queues._unfinished_tasks import AllFinished

        return AllFinished(self)


register_factory("JoinableQueue", JoinableQueue)
