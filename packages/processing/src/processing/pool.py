"""Pools of processes, and of threads."""

from processing.dummy import ThreadPool as ThreadPool
from processing_pool import AsyncResult as AsyncResult
from processing_pool import IMapIterator as IMapIterator
from processing_pool import MaybeEncodingError as MaybeEncodingError
from processing_pool import Pool as Pool
from processing_pool import PoolBroken as PoolBroken
from processing_pool import RemoteTraceback as RemoteTraceback
from processing_pool import WorkerDied as WorkerDied

__all__ = [
    "Pool",
    "ThreadPool",
    "AsyncResult",
    "ApplyResult",
    "IMapIterator",
    "WorkerDied",
    "PoolBroken",
    "MaybeEncodingError",
    "RemoteTraceback",
]

ApplyResult = AsyncResult
