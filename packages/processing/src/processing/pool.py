"""Pools of processes, and of threads."""

from __future__ import annotations

from processing.dummy import ThreadPool as ThreadPool
from processing_core import TimeoutError as TimeoutError
from processing_core.lowlevel import watch_exit as _watch_exit
from processing_pool import AsyncResult as AsyncResult
from processing_pool import IMapIterator as IMapIterator
from processing_pool import MaybeEncodingError as MaybeEncodingError
from processing_pool import MemoryExceeded as MemoryExceeded
from processing_pool import NotUnpicklableError as NotUnpicklableError
from processing_pool import Pool as Pool
from processing_pool import PoolBroken as PoolBroken
from processing_pool import RemoteTraceback as RemoteTraceback
from processing_pool import TaskCancelled as TaskCancelled
from processing_pool import TaskOptions as TaskOptions
from processing_pool import TaskTimeout as TaskTimeout
from processing_pool import WorkerDied as WorkerDied
from processing_pool import WorkerState as WorkerState
from processing_pool import worker_id as worker_id
from processing_pool.pool import CLOSE as CLOSE
from processing_pool.pool import INIT as INIT
from processing_pool.pool import RUN as RUN
from processing_pool.pool import TERMINATE as TERMINATE
from processing_pool.pool import ApplyResult as ApplyResult
from processing_pool.pool import ExceptionWithTraceback as ExceptionWithTraceback
from processing_pool.pool import IMapUnorderedIterator as IMapUnorderedIterator
from processing_pool.pool import MapResult as MapResult
from processing_pool.pool import mapstar as mapstar
from processing_pool.pool import rebuild_exc as rebuild_exc
from processing_pool.pool import starmapstar as starmapstar

_watch_exit()

__all__ = [
    "Pool",
    "ThreadPool",
    "AsyncResult",
    "ApplyResult",
    "MapResult",
    "IMapIterator",
    "IMapUnorderedIterator",
    "TaskOptions",
    "WorkerState",
    "worker_id",
    "WorkerDied",
    "MemoryExceeded",
    "TaskTimeout",
    "TaskCancelled",
    "PoolBroken",
    "MaybeEncodingError",
    "NotUnpicklableError",
    "RemoteTraceback",
    "TimeoutError",
    # what libraries look at
    "ExceptionWithTraceback",
    "rebuild_exc",
    "mapstar",
    "starmapstar",
    "INIT",
    "RUN",
    "CLOSE",
    "TERMINATE",
]
