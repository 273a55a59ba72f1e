"""A pool of worker processes, and the results of its tasks."""

from __future__ import annotations

from processing_core import RemoteTraceback as RemoteTraceback
from processing_core.annotations import TYPE_CHECKING
from processing_core.lowlevel import on_demand as _on_demand

if TYPE_CHECKING:
    from processing_pool._errors import MaybeEncodingError as MaybeEncodingError
    from processing_pool._errors import MemoryExceeded as MemoryExceeded
    from processing_pool._errors import NotUnpicklableError as NotUnpicklableError
    from processing_pool._errors import PoolBroken as PoolBroken
    from processing_pool._errors import TaskCancelled as TaskCancelled
    from processing_pool._errors import TaskTimeout as TaskTimeout
    from processing_pool._errors import WorkerDied as WorkerDied
    from processing_pool._executor import ProcessPoolExecutor as ProcessPoolExecutor
    from processing_pool._jobs.imap_iterator import IMapIterator as IMapIterator
    from processing_pool._jobs.result import AsyncResult as AsyncResult
    from processing_pool._options import TaskOptions as TaskOptions
    from processing_pool._pool import Pool as Pool
    from processing_pool._reusable import reusable_pool as reusable_pool
    from processing_pool._stats import LongTask as LongTask
    from processing_pool._stats import PoolStats as PoolStats
    from processing_pool._stats import WorkerStats as WorkerStats
    from processing_pool._worker.state import WorkerState as WorkerState
    from processing_pool._worker.state import worker_id as worker_id

__version__ = "1.0.0"

__all__ = [
    "Pool",
    "ProcessPoolExecutor",
    "AsyncResult",
    "IMapIterator",
    "reusable_pool",
    "TaskOptions",
    "PoolStats",
    "WorkerStats",
    "LongTask",
    "WorkerState",
    "worker_id",
    "WorkerDied",
    "MemoryExceeded",
    "TaskTimeout",
    "TaskCancelled",
    "PoolBroken",
    "MaybeEncodingError",
    "NotUnpicklableError",
]

__path__.append(f"{__path__[0]}/_moved")  # where pickles of earlier versions find what they name


# A worker needs what its parent does not, and the other way round; and few programs need all of it.
if not TYPE_CHECKING:  # for a checker would take every name then
    __getattr__ = _on_demand(
        globals(),
        {
            "AsyncResult": "_jobs.result",
            "IMapIterator": "_jobs.imap_iterator",
            "LongTask": "_stats",
            "MaybeEncodingError": "_errors",
            "MemoryExceeded": "_errors",
            "NotUnpicklableError": "_errors",
            "Pool": "_pool",
            "PoolBroken": "_errors",
            "PoolStats": "_stats",
            "ProcessPoolExecutor": "_executor",
            "TaskCancelled": "_errors",
            "TaskOptions": "_options",
            "TaskTimeout": "_errors",
            "WorkerDied": "_errors",
            "WorkerState": "_worker.state",
            "WorkerStats": "_stats",
            "reusable_pool": "_reusable",
            "worker_id": "_worker.state",
        },
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
