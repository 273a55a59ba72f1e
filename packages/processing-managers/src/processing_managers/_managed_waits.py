"""What a manager makes of ``threading``'s events and barriers, and of ``queue``'s queues.

They are those, but nobody waits at them for a client that is gone: a killed client takes no item, and stands at no
barrier.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from processing_core.annotations import Any
from processing_managers._managed_locks import BoundedSemaphore, Condition, Lock, RLock, Semaphore
from processing_managers._monitor import Monitor

__all__ = ["Barrier", "Event", "Queue", "aware"]


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
    """What makes the same, but knows of clients; ``factory`` itself, if that needs not know."""
    for threads, ours in _AWARE:
        if factory is threads:
            return ours
    return factory
