"""What the packages above use of this one; not for programs.

The kernel's handle types and what makes, packs and watches members; the exit functions; and where
those packages put what contexts offer.
"""

from __future__ import annotations

import sys

from processing_core._added import Derivable as Derivable
from processing_core._added import added_attributes as added_attributes
from processing_core._authentication_string import AuthenticationString as AuthenticationString
from processing_core._carried import OWN as OWN
from processing_core._carried import NotLoaded as NotLoaded
from processing_core._carried import add_note as add_note
from processing_core._carried import cause_of as cause_of
from processing_core._carried import caused_by as caused_by
from processing_core._carried import described as described
from processing_core._carried import load_exception as load_exception
from processing_core._carried import text_of as text_of
from processing_core._context import DefaultContext as DefaultContext
from processing_core._context import ForkContext as ForkContext
from processing_core._context import ForkProcess as ForkProcess
from processing_core._context import ForkServerContext as ForkServerContext
from processing_core._context import ForkServerProcess as ForkServerProcess
from processing_core._context import SpawnContext as SpawnContext
from processing_core._context import SpawnProcess as SpawnProcess
from processing_core._context import concrete_contexts as concrete_contexts
from processing_core._context import default_context as default_context
from processing_core._context import force_start_method as force_start_method
from processing_core._context import prepare_start as prepare_start
from processing_core._context import register_factory as register_factory
from processing_core._context import register_loader as register_loader
from processing_core._event_loop.current import current_waiter as current_waiter
from processing_core._event_loop.current import has_loop as has_loop
from processing_core._event_loop.current import in_trio as in_trio
from processing_core._event_loop.current import is_coroutine_function as is_coroutine_function
from processing_core._event_loop.current import start_task as start_task
from processing_core._event_loop.current import task_number as task_number
from processing_core._event_loop.until import BUSY as BUSY
from processing_core._event_loop.until import shielded as shielded
from processing_core._event_loop.until import until as until
from processing_core._event_loop.until import until_ready as until_ready
from processing_core._excepthook import offer_excepthook as offer_excepthook
from processing_core._exit import at_exit as at_exit
from processing_core._exit import exiting as exiting
from processing_core._exit import watch_exit as watch_exit
from processing_core._family import ensure_family as ensure_family
from processing_core._fds.descriptors import Descriptor as Descriptor
from processing_core._fds.descriptors import Lent as Lent
from processing_core._fds.descriptors import Numbers as Numbers
from processing_core._fds.descriptors import borrowed_socket as borrowed_socket
from processing_core._fds.descriptors import duplicate as duplicate
from processing_core._fds.descriptors import is_scarcity as is_scarcity
from processing_core._fds.descriptors import limit_named as limit_named
from processing_core._fds.descriptors import open_file as open_file
from processing_core._fds.descriptors import open_pidfd as open_pidfd
from processing_core._fds.descriptors import open_pipe as open_pipe
from processing_core._fds.descriptors import open_set as open_set
from processing_core._fds.descriptors import opened as opened
from processing_core._fds.descriptors import polled as polled
from processing_core._fds.descriptors import polled_now as polled_now
from processing_core._fds.descriptors import readable as readable
from processing_core._finalize import Finalize as Finalize
from processing_core._finalize import register_after_fork as register_after_fork
from processing_core._foreign import context_of as context_of
from processing_core._forks import keep_private as keep_private
from processing_core._forks import without_forks as without_forks
from processing_core._kernel import PIPE_BYTES as PIPE_BYTES
from processing_core._kernel import PIPE_MESSAGES as PIPE_MESSAGES
from processing_core._kernel import SOCKET_FILES as SOCKET_FILES
from processing_core._kernel import Block as Block
from processing_core._kernel import BoundedSemaphore as BoundedSemaphore
from processing_core._kernel import Channel as Channel
from processing_core._kernel import Claims as Claims
from processing_core._kernel import Condition as Condition
from processing_core._kernel import Event as Event
from processing_core._kernel import ExitMethod as ExitMethod
from processing_core._kernel import Handle as Handle
from processing_core._kernel import Lock as Lock
from processing_core._kernel import LockedScalar as LockedScalar
from processing_core._kernel import Observer as Observer
from processing_core._kernel import Parcel as Parcel
from processing_core._kernel import PipeEnd as PipeEnd
from processing_core._kernel import PriorityQueue as PriorityQueue
from processing_core._kernel import Queue as Queue
from processing_core._kernel import RLock as RLock
from processing_core._kernel import Scalar as Scalar
from processing_core._kernel import ScopeGuard as ScopeGuard
from processing_core._kernel import Semaphore as Semaphore
from processing_core._kernel import TaskQueue as TaskQueue
from processing_core._kernel import above_standard as above_standard
from processing_core._kernel import alive as alive
from processing_core._kernel import attach as attach
from processing_core._kernel import doorbell as doorbell
from processing_core._kernel import family as family
from processing_core._kernel import file_identity as file_identity
from processing_core._kernel import fork_depth as fork_depth
from processing_core._kernel import member as member
from processing_core._kernel import members as members
from processing_core._kernel import pack as pack
from processing_core._kernel import primitives as primitives
from processing_core._kernel import reap as reap
from processing_core._kernel import run_fork_handlers as run_fork_handlers
from processing_core._kernel import set_idle as set_idle
from processing_core._kernel import set_site_finder as set_site_finder
from processing_core._kernel import stats as stats
from processing_core._kernel import sweep as sweep
from processing_core._kernel import tombstone as tombstone
from processing_core._kernel import unpack as unpack
from processing_core._kernel import verify as verify
from processing_core._kernel import waiters as waiters
from processing_core._kernel import write_parts as write_parts
from processing_core._loaded import loaded as loaded
from processing_core._logging import debug as debug
from processing_core._logging import info as info
from processing_core._logging import sub_debug as sub_debug
from processing_core._logging import sub_warning as sub_warning
from processing_core._long_wait import LongWait as LongWait
from processing_core._main_module import START_DIRECTORY as START_DIRECTORY
from processing_core._main_module import code_of_file as code_of_file
from processing_core._main_module import code_of_module as code_of_module
from processing_core._on_demand import claim as claim
from processing_core._on_demand import on_demand as on_demand
from processing_core._pickling import dumps as dumps
from processing_core._pickling import loads as loads
from processing_core._pickling import pack_shared as pack_shared
from processing_core._pickling import path_to_culprit as path_to_culprit
from processing_core._platform import READABLE as READABLE
from processing_core._platform import SIGKILL as SIGKILL
from processing_core._platform import WRITABLE as WRITABLE
from processing_core._platform import Poller as Poller
from processing_core._platform import close as close_descriptor
from processing_core._platform import drain as drain
from processing_core._platform import follow_main_thread as follow_main_thread
from processing_core._platform import interrupts_blocked as interrupts_blocked
from processing_core._platform import register_at_fork as register_at_fork
from processing_core._platform import ring as ring
from processing_core._platform import set_nonblocking as set_nonblocking
from processing_core._platform import set_title as set_title
from processing_core._platform import unblock_interrupts as unblock_interrupts
from processing_core._platform import yield_processor as yield_processor
from processing_core._platform._folder import socket_folder as socket_folder
from processing_core._process import BaseProcess as BaseProcess
from processing_core._process import checked_timeout as checked_timeout
from processing_core._process import signal_name as signal_name
from processing_core._process_state import collect_children as collect_children
from processing_core._process_state import state as relatives
from processing_core._reducers import ForkingPickler as ForkingPickler
from processing_core._spawning import assert_spawning as assert_spawning
from processing_core._spawning import get_spawning_popen as get_spawning_popen
from processing_core._spawning import set_spawning_popen as set_spawning_popen
from processing_core._start._default import set_usual_start_method as set_usual_start_method
from processing_core._start._imports import imports_under_way as imports_under_way
from processing_core._start._settings import preload_own as preload_own
from processing_core._start._settings import set_child_setup as set_child_setup
from processing_core._threads import BinarySemaphore as BinarySemaphore
from processing_core._threads import Condition as ThreadCondition
from processing_core._threads import DaemonThread as DaemonThread
from processing_core._threads import Delegated as Delegated
from processing_core._threads import Event as ThreadEvent
from processing_core._threads import ThreadLock as ThreadLock
from processing_core._threads import ThreadRLock as ThreadRLock
from processing_core._threads import own_methods as own_methods
from processing_core.annotations import TYPE_CHECKING

if sys.version_info < (3, 13):
    from processing_core._errors import ShutDown as ShutDown

if TYPE_CHECKING:
    from processing_core._event_loop.coroutine import CoroutineTask as CoroutineTask
    from processing_core._event_loop.scope import BodyScope as BodyScope
    from processing_core._event_loop.waiter import LoopWaiter as LoopWaiter
    from processing_core._event_loop.watch import LoopAlarm as LoopAlarm
    from processing_core._event_loop.watch import LoopWatch as LoopWatch
    from processing_core._thread_futures import ThreadFuture as ThreadFuture
    from processing_core._writable import can_write as can_write

if sys.platform == "win32":
    from processing_core._platform._windows_poller import is_socket as is_socket

__all__ = [
    "BUSY",
    "BodyScope",
    "CoroutineTask",
    "LoopAlarm",
    "is_coroutine_function",
    "LoopWaiter",
    "start_task",
    "LoopWatch",
    "current_waiter",
    "has_loop",
    "in_trio",
    "shielded",
    "task_number",
    "until",
    "until_ready",
    "AuthenticationString",
    "PIPE_BYTES",
    "PIPE_MESSAGES",
    "READABLE",
    "SOCKET_FILES",
    "WRITABLE",
    "BaseProcess",
    "BinarySemaphore",
    "Block",
    "BoundedSemaphore",
    "Channel",
    "Claims",
    "Condition",
    "DaemonThread",
    "DefaultContext",
    "Delegated",
    "Derivable",
    "Descriptor",
    "Observer",
    "Event",
    "Finalize",
    "ForkContext",
    "ForkProcess",
    "ForkServerContext",
    "ForkServerProcess",
    "ForkingPickler",
    "Handle",
    "Lent",
    "Numbers",
    "Lock",
    "LockedScalar",
    "LongWait",
    "Parcel",
    "PipeEnd",
    "Poller",
    "PriorityQueue",
    "Queue",
    "RLock",
    "Scalar",
    "ExitMethod",
    "ScopeGuard",
    "Semaphore",
    "TaskQueue",
    "ThreadCondition",
    "ThreadEvent",
    "ThreadFuture",
    "ThreadLock",
    "ThreadRLock",
    "SpawnContext",
    "SpawnProcess",
    "added_attributes",
    "alive",
    "assert_spawning",
    "at_exit",
    "watch_exit",
    "above_standard",
    "attach",
    "doorbell",
    "borrowed_socket",
    "reap",
    "verify",
    "checked_timeout",
    "collect_children",
    "concrete_contexts",
    "debug",
    "default_context",
    "dumps",
    "follow_main_thread",
    "duplicate",
    "ensure_family",
    "exiting",
    "family",
    "file_identity",
    "fork_depth",
    "force_start_method",
    "get_spawning_popen",
    "info",
    "is_scarcity",
    "keep_private",
    "limit_named",
    "loads",
    "member",
    "members",
    "tombstone",
    "offer_excepthook",
    "claim",
    "on_demand",
    "open_file",
    "opened",
    "open_pidfd",
    "open_pipe",
    "open_set",
    "own_methods",
    "pack",
    "pack_shared",
    "path_to_culprit",
    "preload_own",
    "prepare_start",
    "polled",
    "polled_now",
    "primitives",
    "readable",
    "register_after_fork",
    "register_factory",
    "register_loader",
    "socket_folder",
    "relatives",
    "set_idle",
    "set_site_finder",
    "set_spawning_popen",
    "signal_name",
    "stats",
    "sub_debug",
    "sub_warning",
    "sweep",
    "unpack",
    "waiters",
    "without_forks",
    "write_parts",
    "OWN",
    "NotLoaded",
    "add_note",
    "cause_of",
    "can_write",
    "caused_by",
    "described",
    "load_exception",
    "text_of",
    "SIGKILL",
    "close_descriptor",
    "drain",
    "interrupts_blocked",
    "register_at_fork",
    "ring",
    "run_fork_handlers",
    "imports_under_way",
    "loaded",
    "set_nonblocking",
    "unblock_interrupts",
    "yield_processor",
]

_RARE = {
    "BodyScope": "_event_loop.scope",
    "CoroutineTask": "_event_loop.coroutine",
    "LoopAlarm": "_event_loop.watch",
    "LoopWaiter": "_event_loop.waiter",
    "LoopWatch": "_event_loop.watch",
    "ThreadFuture": "_thread_futures",
    "can_write": "_writable",
}
"""What only programs with event loops need, or with futures, or those that show their progress: its module."""

_EARLIER_NAMES = {
    "Ear": "Observer",
    "Pile": "PriorityQueue",
    "bell": "doorbell",
    "bury": "reap",
    "check": "verify",
    "obituary": "tombstone",
}


if not TYPE_CHECKING:  # a checker would take it for any name

    def __getattr__(name: str) -> object:
        """What few programs need, and what had another name in earlier versions."""
        if name in _RARE:
            from importlib import import_module

            module = import_module(f"processing_core.{_RARE[name]}")
            globals()[name] = getattr(module, name)
            return globals()[name]
        if name in _EARLIER_NAMES:
            return globals()[_EARLIER_NAMES[name]]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
