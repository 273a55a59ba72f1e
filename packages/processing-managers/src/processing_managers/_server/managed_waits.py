"""Events, barriers and queues of a manager, derived from those of ``threading`` and ``queue``.

They are those classes, but the waits of a client end when the client is gone: a killed client takes no item, and counts
at no barrier.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from functools import partial

from processing_core.annotations import Any
from processing_managers._server.managed_locks import BoundedSemaphore, Condition, Lock, RLock, Semaphore
from processing_managers._server.monitor import Monitor
from processing_managers._server.session import Identity, acting_as, current_identity

__all__ = ["Barrier", "Event", "Queue", "aware", "undo_of"]


class Event(threading.Event):
    """As `threading.Event`."""

    def __init__(self) -> None:
        super().__init__()
        self._cond: Any = Monitor()  # in the place of a `threading.Condition`


class Barrier(threading.Barrier):
    """As `threading.Barrier`."""

    def __init__(self, parties: int, action: Callable[[], None] | None = None, timeout: float | None = None) -> None:
        super().__init__(parties, action, timeout)
        self._cond: Any = Monitor()


class Queue(queue.Queue[Any]):
    """As `queue.Queue`."""

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self.not_empty: Any = Monitor(self.mutex)
        self.not_full: Any = Monitor(self.mutex)
        self.all_tasks_done: Any = Monitor(self.mutex)

    def take_back(self, item: Any) -> None:
        """Put back an item whose client did not get it: it is the next one again."""
        with self.mutex:
            self.queue.appendleft(item)
            self.not_empty.notify()


_AWARE: list[tuple[Any, Callable[..., Any]]] = [
    (threading.Lock, Lock),
    (threading.RLock, RLock),
    (threading.Condition, Condition),
    (threading.Semaphore, Semaphore),
    (threading.BoundedSemaphore, BoundedSemaphore),
    (threading.Event, Event),
    (threading.Barrier, Barrier),
    (queue.Queue, Queue),
]


def aware(factory: Callable[..., Any]) -> Callable[..., Any]:
    """A factory of such objects whose waits end with their clients; ``factory`` itself for other objects."""
    for threads, ours in _AWARE:
        if factory is threads:
            return ours
    return factory


def undo_of(obj: Any, method: str, result: Any) -> Callable[[], object]:
    """A function that gives back what a call of this thread has taken of an object, if anything."""
    if method == "acquire" and result and isinstance(obj, _ACQUIRED):
        return partial(_release_for, current_identity(), obj)
    if method in ("get", "get_nowait") and isinstance(obj, Queue):
        return partial(obj.take_back, result)
    return bool


_ACQUIRED = (Lock, Condition, Semaphore, BoundedSemaphore)


def _release_for(who: Identity, lock: Any) -> None:
    with acting_as(who):
        lock.release()
