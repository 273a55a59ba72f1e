"""The API of `processing` over threads: nothing is pickled, and everything is shared.

A program that imports this in place of `processing` runs in one process: to find a mistake, or for work that waits
rather than computes.
"""

from __future__ import annotations

from builtins import dict as dict  # threads share the builtin ones
from builtins import list as list

from processing.dummy import connection as connection
from processing.dummy._manager import Manager as Manager
from processing.dummy._manager import Namespace as Namespace
from processing.dummy._pool import ThreadPool as ThreadPool
from processing.dummy._process import DummyProcess as DummyProcess
from processing.dummy._process import Process as Process
from processing.dummy._process import active_children as active_children
from processing.dummy._process import current_process as current_process
from processing.dummy._process import parent_process as parent_process
from processing.dummy._process import shutdown as shutdown
from processing.dummy._queue import JoinableQueue as JoinableQueue
from processing.dummy._queue import Queue as Queue
from processing.dummy._queue import SimpleQueue as SimpleQueue
from processing.dummy._results import AsyncResult as AsyncResult
from processing.dummy._results import IMapIterator as IMapIterator
from processing.dummy._shared import Array as Array
from processing.dummy._shared import Value as Value
from processing.dummy._sync import Barrier as Barrier
from processing.dummy._sync import BoundedSemaphore as BoundedSemaphore
from processing.dummy._sync import Condition as Condition
from processing.dummy._sync import Event as Event
from processing.dummy._sync import Lock as Lock
from processing.dummy._sync import RLock as RLock
from processing.dummy._sync import Semaphore as Semaphore
from processing.dummy.connection import Pipe as Pipe
from processing_core import ProcessError as ProcessError
from processing_core import TimeoutError as TimeoutError
from processing_core import cpu_count as cpu_count
from processing_core import cpuCount as cpuCount
from processing_core import freeze_support as freeze_support
from processing_core import freezeSupport as freezeSupport

__all__ = [
    "Process",
    "DummyProcess",
    "current_process",
    "parent_process",
    "active_children",
    "cpu_count",
    "freeze_support",
    "shutdown",
    "Lock",
    "RLock",
    "Semaphore",
    "BoundedSemaphore",
    "Condition",
    "Event",
    "Barrier",
    "Queue",
    "JoinableQueue",
    "SimpleQueue",
    "Pipe",
    "connection",
    "Value",
    "Array",
    "Manager",
    "Namespace",
    "dict",
    "list",
    "Pool",
    "ThreadPool",
    "AsyncResult",
    "IMapIterator",
    "ProcessError",
    "TimeoutError",
    # the names of 0.52
    "currentProcess",
    "activeChildren",
    "cpuCount",
    "freezeSupport",
]

Pool = ThreadPool

# The names of 0.52.
currentProcess = current_process
activeChildren = active_children
