"""The ground below `processing`: the family and its arena, `Process`, start methods, errors.

Programs import `processing`, which offers all of this and more.
"""

from __future__ import annotations

import sys as _sys

from processing_core import (
    _native,  # first, for it explains a kernel that does not load
    _pickling,
)
from processing_core._context import BaseContext as BaseContext
from processing_core._context import Process as Process
from processing_core._context import allow_connection_pickling as allow_connection_pickling
from processing_core._context import get_all_start_methods as get_all_start_methods
from processing_core._context import get_context as get_context
from processing_core._context import get_start_method as get_start_method
from processing_core._context import set_start_method as set_start_method
from processing_core._current import active_children as active_children
from processing_core._current import cpu_count as cpu_count
from processing_core._current import current_process as current_process
from processing_core._current import parent_process as parent_process
from processing_core._errors import AuthenticationError as AuthenticationError
from processing_core._errors import BufferTooShort as BufferTooShort
from processing_core._errors import ClosedError as ClosedError
from processing_core._errors import ForkError as ForkError
from processing_core._errors import HandleError as HandleError
from processing_core._errors import NotHeldError as NotHeldError
from processing_core._errors import NotPicklableError as NotPicklableError
from processing_core._errors import OwnerDied as OwnerDied
from processing_core._errors import ProcessError as ProcessError
from processing_core._errors import RemoteException as RemoteException
from processing_core._errors import RemoteTraceback as RemoteTraceback
from processing_core._errors import StateError as StateError
from processing_core._errors import TimeoutError as TimeoutError
from processing_core._excepthook import ExceptHookArgs as ExceptHookArgs
from processing_core._excepthook import excepthook as excepthook
from processing_core._excepthook import offer_excepthook as _offer_excepthook
from processing_core._family import set_arena_limit as set_arena_limit
from processing_core._logging import DEBUG as DEBUG
from processing_core._logging import INFO as INFO
from processing_core._logging import NOTSET as NOTSET
from processing_core._logging import SUBDEBUG as SUBDEBUG
from processing_core._logging import SUBWARNING as SUBWARNING
from processing_core._logging import enableLogging as enableLogging
from processing_core._logging import forward_logs as forward_logs
from processing_core._logging import get_logger as get_logger
from processing_core._logging import getLogger as getLogger
from processing_core._logging import log_to_stderr as log_to_stderr
from processing_core._on_demand import claim as _claim
from processing_core._start._frozen import freeze_support as freeze_support
from processing_core._start._settings import set_executable as set_executable
from processing_core._start._settings import set_forkserver_preload as set_forkserver_preload
from processing_core._trace import trace as trace

__version__ = "1.0.0"

__all__ = [
    "Process",
    "current_process",
    "parent_process",
    "active_children",
    "cpu_count",
    "freeze_support",
    "excepthook",
    "ExceptHookArgs",
    "currentProcess",
    "activeChildren",
    "cpuCount",
    "freezeSupport",
    "BaseContext",
    "get_context",
    "get_start_method",
    "get_all_start_methods",
    "set_start_method",
    "set_executable",
    "set_forkserver_preload",
    "set_arena_limit",
    "allow_connection_pickling",
    "get_logger",
    "log_to_stderr",
    "forward_logs",
    "trace",
    "getLogger",
    "enableLogging",
    "NOTSET",
    "SUBDEBUG",
    "DEBUG",
    "INFO",
    "SUBWARNING",
    "ProcessError",
    "HandleError",
    "OwnerDied",
    "NotHeldError",
    "NotPicklableError",
    "ForkError",
    "StateError",
    "RemoteException",
    "RemoteTraceback",
    "ClosedError",
    "TimeoutError",
    "BufferTooShort",
    "AuthenticationError",
]

_offer_excepthook(globals())

__path__.append(f"{__path__[0]}/_moved")  # where pickles of earlier versions find what they name

_loaded = (_native, _pickling)  # for what they install in the kernel and in each other

# The names of 0.52.
currentProcess = current_process
activeChildren = active_children
cpuCount = cpu_count
freezeSupport = freeze_support

_claim(__name__, [_name for _name in __all__ if isinstance(getattr(_sys.modules[__name__], _name), type)])
