"""Pools of processes, and of threads."""

from __future__ import annotations

from processing.dummy import ThreadPool as ThreadPool
from processing_pool import AsyncResult as AsyncResult
from processing_pool import IMapIterator as IMapIterator
from processing_pool import MaybeEncodingError as MaybeEncodingError
from processing_pool import MemoryExceeded as MemoryExceeded
from processing_pool import Pool as Pool
from processing_pool import PoolBroken as PoolBroken
from processing_pool import RemoteTraceback as RemoteTraceback
from processing_pool import TaskCancelled as TaskCancelled
from processing_pool import TaskOptions as TaskOptions
from processing_pool import TaskTimeout as TaskTimeout
from processing_pool import WorkerDied as WorkerDied
from processing_pool import WorkerState as WorkerState
from processing_pool import worker_id as worker_id

__all__ = [
    "Pool",
    "ThreadPool",
    "AsyncResult",
    "ApplyResult",
    "IMapIterator",
    "TaskOptions",
    "WorkerState",
    "worker_id",
    "WorkerDied",
    "MemoryExceeded",
    "TaskTimeout",
    "TaskCancelled",
    "PoolBroken",
    "MaybeEncodingError",
    "RemoteTraceback",
]

ApplyResult = AsyncResult
