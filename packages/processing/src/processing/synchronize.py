"""Synchronization: `threading`'s primitives, for processes."""

from __future__ import annotations

from processing_sync import Barrier as Barrier
from processing_sync import BoundedSemaphore as BoundedSemaphore
from processing_sync import Condition as Condition
from processing_sync import Event as Event
from processing_sync import Lock as Lock
from processing_sync import RLock as RLock
from processing_sync import Semaphore as Semaphore

__all__ = ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "Barrier"]
