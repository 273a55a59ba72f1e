"""`threading`'s primitives, which are what the rest of this project imitates, with 0.52's names for them."""

from __future__ import annotations

import threading
from threading import Barrier as Barrier
from threading import BoundedSemaphore as BoundedSemaphore
from threading import Lock as Lock
from threading import RLock as RLock
from threading import Semaphore as Semaphore

__all__ = ["Barrier", "BoundedSemaphore", "Condition", "Event", "Lock", "RLock", "Semaphore"]


class Condition(threading.Condition):
    """A condition variable; `threading.Condition`."""

    def notifyAll(self) -> None:
        """0.52's name of `notify_all`; permanent."""
        self.notify_all()


class Event(threading.Event):
    """A flag to wait for; `threading.Event`."""

    def isSet(self) -> bool:
        """0.52's name of `is_set`; permanent."""
        return self.is_set()
