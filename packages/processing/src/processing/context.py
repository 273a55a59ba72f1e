"""Contexts: the API bound to a start method."""

from __future__ import annotations

from processing_core import AuthenticationError as AuthenticationError
from processing_core import BaseContext as BaseContext
from processing_core import BufferTooShort as BufferTooShort
from processing_core import Process as Process
from processing_core import ProcessError as ProcessError
from processing_core import TimeoutError as TimeoutError
from processing_core.lowlevel import DefaultContext as DefaultContext
from processing_core.lowlevel import ForkContext as ForkContext
from processing_core.lowlevel import ForkProcess as ForkProcess
from processing_core.lowlevel import ForkServerContext as ForkServerContext
from processing_core.lowlevel import ForkServerProcess as ForkServerProcess
from processing_core.lowlevel import SpawnContext as SpawnContext
from processing_core.lowlevel import SpawnProcess as SpawnProcess
from processing_core.lowlevel import assert_spawning as assert_spawning
from processing_core.lowlevel import concrete_contexts as _concrete_contexts
from processing_core.lowlevel import default_context as _default_context
from processing_core.lowlevel import force_start_method as _force_start_method
from processing_core.lowlevel import get_spawning_popen as get_spawning_popen
from processing_core.lowlevel import set_spawning_popen as set_spawning_popen

__all__ = [
    "BaseContext",
    "DefaultContext",
    "ForkContext",
    "SpawnContext",
    "ForkServerContext",
    "Process",
    "ForkProcess",
    "SpawnProcess",
    "ForkServerProcess",
    "ProcessError",
    "BufferTooShort",
    "TimeoutError",
    "AuthenticationError",
    "assert_spawning",
    "get_spawning_popen",
    "set_spawning_popen",
]

_private = (_concrete_contexts, _default_context, _force_start_method)  # which libraries take from here
