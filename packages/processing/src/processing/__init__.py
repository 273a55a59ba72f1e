"""Python code in separate processes, through the API of `threading`.

Each name belongs to the package that defines it; this is the one namespace over them all.  The packages above
``processing_core``, and the submodules that users know, are imported when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Callable as _Callable
from importlib import import_module as _import_module

from processing_core import DEBUG as DEBUG
from processing_core import INFO as INFO
from processing_core import NOTSET as NOTSET
from processing_core import SUBDEBUG as SUBDEBUG
from processing_core import SUBWARNING as SUBWARNING
from processing_core import AuthenticationError as AuthenticationError
from processing_core import BaseContext as BaseContext
from processing_core import BufferTooShort as BufferTooShort
from processing_core import ClosedError as ClosedError
from processing_core import ExceptHookArgs as ExceptHookArgs
from processing_core import ForkError as ForkError
from processing_core import HandleError as HandleError
from processing_core import NotHeldError as NotHeldError
from processing_core import NotPicklableError as NotPicklableError
from processing_core import OwnerDied as OwnerDied
from processing_core import Process as Process
from processing_core import ProcessError as ProcessError
from processing_core import RemoteException as RemoteException
from processing_core import RemoteTraceback as RemoteTraceback
from processing_core import StateError as StateError
from processing_core import TimeoutError as TimeoutError
from processing_core import active_children as active_children
from processing_core import activeChildren as activeChildren
from processing_core import allow_connection_pickling as allow_connection_pickling
from processing_core import cpu_count as cpu_count
from processing_core import cpuCount as cpuCount
from processing_core import current_process as current_process
from processing_core import currentProcess as currentProcess
from processing_core import enableLogging as enableLogging
from processing_core import excepthook as excepthook
from processing_core import forward_logs as forward_logs
from processing_core import freeze_support as freeze_support
from processing_core import freezeSupport as freezeSupport
from processing_core import get_all_start_methods as get_all_start_methods
from processing_core import get_context as get_context
from processing_core import get_logger as get_logger
from processing_core import get_start_method as get_start_method
from processing_core import getLogger as getLogger
from processing_core import log_to_stderr as log_to_stderr
from processing_core import parent_process as parent_process
from processing_core import set_arena_limit as set_arena_limit
from processing_core import set_executable as set_executable
from processing_core import set_forkserver_preload as set_forkserver_preload
from processing_core import set_start_method as set_start_method
from processing_core import trace as trace
from processing_core.annotations import TYPE_CHECKING
from processing_core.lowlevel import limit_named as _limit_named
from processing_core.lowlevel import offer_excepthook as _offer_excepthook
from processing_core.lowlevel import register_loader as _register_loader

if TYPE_CHECKING:
    from processing import cluster as cluster
    from processing import connection as connection
    from processing import context as context
    from processing import dummy as dummy
    from processing import forkserver as forkserver
    from processing import heap as heap
    from processing import introspection as introspection
    from processing import logger as logger
    from processing import managers as managers
    from processing import pool as pool
    from processing import popen_fork as popen_fork
    from processing import popen_forkserver as popen_forkserver
    from processing import popen_spawn_posix as popen_spawn_posix
    from processing import process as process
    from processing import queue as queue
    from processing import queues as queues
    from processing import reduction as reduction
    from processing import resource_sharer as resource_sharer
    from processing import resource_tracker as resource_tracker
    from processing import shared_memory as shared_memory
    from processing import sharedctypes as sharedctypes
    from processing import spawn as spawn
    from processing import synchronize as synchronize
    from processing import util as util
    from processing_managers import Array as Array
    from processing_managers import Manager as Manager
    from processing_managers import RawArray as RawArray
    from processing_managers import RawValue as RawValue
    from processing_managers import RemoteError as RemoteError
    from processing_managers import ServerGone as ServerGone
    from processing_managers import SharedArray as SharedArray
    from processing_managers import Value as Value
    from processing_pool import AsyncResult as AsyncResult
    from processing_pool import IMapIterator as IMapIterator
    from processing_pool import LongTask as LongTask
    from processing_pool import MaybeEncodingError as MaybeEncodingError
    from processing_pool import MemoryExceeded as MemoryExceeded
    from processing_pool import NotUnpicklableError as NotUnpicklableError
    from processing_pool import Pool as Pool
    from processing_pool import PoolBroken as PoolBroken
    from processing_pool import PoolStats as PoolStats
    from processing_pool import ProcessPoolExecutor as ProcessPoolExecutor
    from processing_pool import TaskCancelled as TaskCancelled
    from processing_pool import TaskOptions as TaskOptions
    from processing_pool import TaskTimeout as TaskTimeout
    from processing_pool import WorkerDied as WorkerDied
    from processing_pool import WorkerState as WorkerState
    from processing_pool import WorkerStats as WorkerStats
    from processing_pool import reusable_pool as reusable_pool
    from processing_pool import worker_id as worker_id
    from processing_queues import Client as Client
    from processing_queues import Connection as Connection
    from processing_queues import Empty as Empty
    from processing_queues import Full as Full
    from processing_queues import JoinableQueue as JoinableQueue
    from processing_queues import LifoQueue as LifoQueue
    from processing_queues import Listener as Listener
    from processing_queues import Pipe as Pipe
    from processing_queues import PriorityQueue as PriorityQueue
    from processing_queues import Queue as Queue
    from processing_queues import ShutDown as ShutDown
    from processing_queues import SimpleQueue as SimpleQueue
    from processing_queues import answer_challenge as answer_challenge
    from processing_queues import answerChallenge as answerChallenge
    from processing_queues import deliver_challenge as deliver_challenge
    from processing_queues import deliverChallenge as deliverChallenge
    from processing_queues import families as families
    from processing_queues import wait as wait
    from processing_sync import Barrier as Barrier
    from processing_sync import BoundedSemaphore as BoundedSemaphore
    from processing_sync import Condition as Condition
    from processing_sync import Event as Event
    from processing_sync import Holder as Holder
    from processing_sync import Lock as Lock
    from processing_sync import Primitive as Primitive
    from processing_sync import RLock as RLock
    from processing_sync import Semaphore as Semaphore
    from processing_sync import Waiter as Waiter
    from processing_sync import primitives as primitives
    from processing_sync import record_creation as record_creation

# What each package offers here, beside processing_core.
_PLACES = {
    "processing_sync": [
        "Lock",
        "RLock",
        "Semaphore",
        "BoundedSemaphore",
        "Condition",
        "Event",
        "Barrier",
        "Holder",
        "Primitive",
        "Waiter",
        "primitives",
        "record_creation",
    ],
    "processing_queues": [
        "Pipe",
        "Connection",
        "wait",
        "Listener",
        "Client",
        "families",
        "deliver_challenge",
        "answer_challenge",
        "Queue",
        "JoinableQueue",
        "SimpleQueue",
        "LifoQueue",
        "PriorityQueue",
        "Empty",
        "Full",
        "ShutDown",
        "deliverChallenge",
        "answerChallenge",
    ],
    "processing_managers": [
        "Value",
        "RawValue",
        "Array",
        "RawArray",
        "SharedArray",
        "Manager",
        "RemoteError",
        "ServerGone",
    ],
    "processing_pool": [
        "Pool",
        "reusable_pool",
        "ProcessPoolExecutor",
        "AsyncResult",
        "IMapIterator",
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
    ],
}
_PACKAGE_OF = {name: package for package, names in _PLACES.items() for name in names}

_SUBMODULES = frozenset(
    [
        "cluster",
        "connection",
        "context",
        "dummy",
        "forkserver",
        "heap",
        "introspection",
        "logger",
        "managers",
        "pool",
        "popen_fork",
        "popen_forkserver",
        "popen_spawn_posix",
        "process",
        "queue",
        "queues",
        "reduction",
        "resource_sharer",
        "resource_tracker",
        "shared_memory",
        "sharedctypes",
        "spawn",
        "synchronize",
        "util",
    ]
)

__version__ = "1.0.0"

__all__ = [
    # processes
    "Process",
    "current_process",
    "parent_process",
    "active_children",
    "cpu_count",
    "freeze_support",
    "excepthook",
    "ExceptHookArgs",
    # start methods and the family
    "BaseContext",
    "get_context",
    "get_start_method",
    "get_all_start_methods",
    "set_start_method",
    "set_executable",
    "set_forkserver_preload",
    "set_arena_limit",
    "allow_connection_pickling",
    "replace_multiprocessing",
    # synchronization
    "Lock",
    "RLock",
    "Semaphore",
    "BoundedSemaphore",
    "Condition",
    "Event",
    "Barrier",
    "Holder",
    "Primitive",
    "Waiter",
    "primitives",
    "record_creation",
    # pipes and queues
    "Pipe",
    "Connection",
    "wait",
    "Listener",
    "Client",
    "families",
    "deliver_challenge",
    "answer_challenge",
    "Queue",
    "JoinableQueue",
    "SimpleQueue",
    "LifoQueue",
    "PriorityQueue",
    "Empty",
    "Full",
    "ShutDown",
    # shared values
    "Value",
    "RawValue",
    "Array",
    "RawArray",
    "SharedArray",
    # managers
    "Manager",
    # pools
    "Pool",
    "reusable_pool",
    "ProcessPoolExecutor",
    "AsyncResult",
    "IMapIterator",
    "TaskOptions",
    "PoolStats",
    "WorkerStats",
    "LongTask",
    "WorkerState",
    "worker_id",
    # logging
    "get_logger",
    "log_to_stderr",
    "forward_logs",
    # traces
    "trace",
    "NOTSET",
    "SUBDEBUG",
    "DEBUG",
    "INFO",
    "SUBWARNING",
    # errors
    "ProcessError",
    "HandleError",
    "OwnerDied",
    "ForkError",
    "StateError",
    "RemoteException",
    "NotHeldError",
    "NotPicklableError",
    "ClosedError",
    "TimeoutError",
    "BufferTooShort",
    "AuthenticationError",
    "WorkerDied",
    "MemoryExceeded",
    "TaskTimeout",
    "TaskCancelled",
    "RemoteError",
    "ServerGone",
    "PoolBroken",
    "MaybeEncodingError",
    "NotUnpicklableError",
    "RemoteTraceback",
    # the names of 0.52
    "currentProcess",
    "activeChildren",
    "cpuCount",
    "freezeSupport",
    "getLogger",
    "enableLogging",
    "deliverChallenge",
    "answerChallenge",
]


def replace_multiprocessing(start_method: str | None = None) -> _Callable[[], None]:
    """Let ``import multiprocessing`` give this package, here and in the processes that are started from here.

    The modules of ``multiprocessing``, and the process pool of :mod:`concurrent.futures`, are replaced by those of this
    package, also where a library imports them.  What a module has taken from them before stays what it was, so call
    this first.  Does not block.

    :param start_method: the start method of processes until the program sets one; by default, the one that
        ``multiprocessing`` would use on this interpreter and platform.
    :return: a function that undoes it, also in processes that are started afterwards.  If this function was called
        several times, the last of them to be called restores what was there before.
    :raises ValueError: if this platform has no such start method.
    """
    from processing._replacement import replace

    return replace(start_method)


if not TYPE_CHECKING:  # for a checker would take every name then

    def __getattr__(name: str) -> object:
        if name not in _SUBMODULES and name != "reducer" and name not in _PACKAGE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        with _limit_named():
            return _imported(name)

    def _imported(name: str) -> object:
        if name not in _PACKAGE_OF:
            return _import_module(f"{__name__}.{'reduction' if name == 'reducer' else name}")
        value = globals()[name] = getattr(_import_module(_PACKAGE_OF[name]), name)
        return value

    _register_loader(_imported, _PACKAGE_OF)  # a context offers what the packages register


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})


_offer_excepthook(globals())

del TYPE_CHECKING  # no name of the package's
