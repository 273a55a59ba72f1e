"""Synchronization between processes: `threading`'s primitives, for a family.

Programs import `processing`, which offers all of this and more.
"""

from processing_core.lowlevel import register_factory as _register_factory
from processing_sync._barrier import Barrier as Barrier
from processing_sync._condition import Condition as Condition
from processing_sync._event import Event as Event
from processing_sync._lock import Lock as Lock
from processing_sync._lock import RLock as RLock
from processing_sync._semaphore import BoundedSemaphore as BoundedSemaphore
from processing_sync._semaphore import Semaphore as Semaphore

__all__ = ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "Barrier"]

for _name in __all__:
    globals()[_name].__module__ = __name__
    _register_factory(_name, globals()[_name])
