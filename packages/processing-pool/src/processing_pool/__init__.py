"""A pool of worker processes, and the results of its tasks."""

from processing_core import RemoteTraceback as RemoteTraceback
from processing_pool._errors import MaybeEncodingError as MaybeEncodingError
from processing_pool._errors import PoolBroken as PoolBroken
from processing_pool._errors import WorkerDied as WorkerDied
from processing_pool._pool import Pool as Pool
from processing_pool._results import AsyncResult as AsyncResult
from processing_pool._streams import IMapIterator as IMapIterator

__all__ = ["Pool", "AsyncResult", "IMapIterator", "WorkerDied", "PoolBroken", "MaybeEncodingError"]

for _name in __all__:
    globals()[_name].__module__ = __name__
