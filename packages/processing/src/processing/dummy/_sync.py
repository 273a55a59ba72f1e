"""`threading`'s primitives, which are what the rest of this project imitates, with 0.52's names for them.

Each lock and semaphore has ``locked``, which ``threading``'s have only in part, and most of them since Python 3.14.
"""

from __future__ import annotations

import _thread
import sys
import threading
from threading import Barrier as Barrier
from threading import Lock as Lock

from processing_core.annotations import Any

__all__ = ["Barrier", "BoundedSemaphore", "Condition", "Event", "Lock", "RLock", "Semaphore"]

if sys.version_info[:2] == (3, 14):
    from processing_core.lowlevel import ThreadRLock as RLock  # which a signal handler does not leave acquired
elif sys.version_info >= (3, 15):
    from threading import RLock as RLock
else:

    class RLock(_thread.RLock):  # type: ignore[misc]  # final only for the checkers
        """A lock that its holder can acquire again; `threading.RLock`."""

        def locked(self) -> bool:
            """Whether a thread holds it."""
            return _is_held(self)


class Semaphore(threading.Semaphore):
    """A count of permits; `threading.Semaphore`."""

    _value: int

    def locked(self) -> bool:
        """Whether no permit is free."""
        return self._value == 0


class BoundedSemaphore(threading.BoundedSemaphore):
    """Permits for a bounded resource; `threading.BoundedSemaphore`."""

    _value: int

    def locked(self) -> bool:
        """Whether no permit is free."""
        return self._value == 0


class Condition(threading.Condition):
    """A condition variable; `threading.Condition`."""

    _lock: Any

    def locked(self) -> bool:
        """Whether a thread holds its lock."""
        lock = self._lock
        return bool(lock.locked()) if hasattr(lock, "locked") else _is_held(lock)

    def notifyAll(self) -> None:
        """0.52's name of `notify_all`; permanent."""
        self.notify_all()


class Event(threading.Event):
    """A flag to wait for; `threading.Event`."""

    def isSet(self) -> bool:
        """0.52's name of `is_set`; permanent."""
        return self.is_set()


def _is_held(lock: _thread.RLock) -> bool:
    """Whether a thread holds a lock of ``threading`` without ``locked``.

    This reads its representation; an attempt to acquire the lock could make another thread's attempt fail.
    """
    return repr(lock).startswith("<locked")
