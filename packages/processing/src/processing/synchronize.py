"""Synchronization: `threading`'s primitives, for processes."""

from __future__ import annotations

from itertools import count

from processing_core.lowlevel import watch_exit as _watch_exit
from processing_sync import Barrier as Barrier
from processing_sync import BoundedSemaphore as BoundedSemaphore
from processing_sync import Condition as Condition
from processing_sync import Event as Event
from processing_sync import Lock as Lock
from processing_sync import RLock as RLock
from processing_sync import Semaphore as Semaphore

_watch_exit()

RECURSIVE_MUTEX, SEMAPHORE = range(2)
SEM_VALUE_MAX: int = 0x7FFFFFFF
"""The greatest value of a semaphore."""


class _KindOfLock(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _PRIMITIVES) or type.__instancecheck__(cls, instance)


_PRIMITIVES = Lock, RLock, Semaphore, BoundedSemaphore


class SemLock(metaclass=_KindOfLock):
    """What multiprocessing's locks and semaphores derive from, for libraries that name it.

    Ours do not, but they are its instances. They have no names in the system, so what it says of names means nothing.
    """

    _rand = map(str, count())

    @staticmethod
    def _make_name() -> str:
        return f"/mp-{next(SemLock._rand)}"


__all__ = ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "Barrier"]
