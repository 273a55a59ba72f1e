"""A pool of worker processes, and the results of its tasks."""

from __future__ import annotations

from processing_core import RemoteTraceback as RemoteTraceback
from processing_core.annotations import TYPE_CHECKING
from processing_core.lowlevel import on_demand as _on_demand
from processing_pool._errors import MaybeEncodingError as MaybeEncodingError
from processing_pool._errors import MemoryExceeded as MemoryExceeded
from processing_pool._errors import PoolBroken as PoolBroken
from processing_pool._errors import TaskCancelled as TaskCancelled
from processing_pool._errors import TaskTimeout as TaskTimeout
from processing_pool._errors import WorkerDied as WorkerDied
from processing_pool._options import TaskOptions as TaskOptions
from processing_pool._pool import Pool as Pool
from processing_pool._results import AsyncResult as AsyncResult
from processing_pool._state import WorkerState as WorkerState
from processing_pool._state import worker_id as worker_id
from processing_pool._streams import IMapIterator as IMapIterator

if TYPE_CHECKING:
    from processing_pool._executor import ProcessPoolExecutor as ProcessPoolExecutor

__all__ = [
    "Pool",
    "ProcessPoolExecutor",
    "AsyncResult",
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
]

for _name in __all__:
    if _name in globals():
        globals()[_name].__module__ = __name__


# `concurrent.futures` imports `logging`: a worker does without the 5 ms that they take.
if not TYPE_CHECKING:  # for a checker would take every name then
    __getattr__ = _on_demand(globals(), {"ProcessPoolExecutor": "_executor"})


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
