"""Logging, finalizers, hooks of forks, and other things that libraries take from here."""

from __future__ import annotations

from processing_core.annotations import TYPE_CHECKING
from processing_core.util import DEBUG as DEBUG
from processing_core.util import DEFAULT_LOGGING_FORMAT as DEFAULT_LOGGING_FORMAT
from processing_core.util import INFO as INFO
from processing_core.util import LOGGER_NAME as LOGGER_NAME
from processing_core.util import MAXFD as MAXFD
from processing_core.util import NOTSET as NOTSET
from processing_core.util import SUBDEBUG as SUBDEBUG
from processing_core.util import SUBWARNING as SUBWARNING
from processing_core.util import WARNING as WARNING
from processing_core.util import Finalize as Finalize
from processing_core.util import ForkAwareLocal as ForkAwareLocal
from processing_core.util import ForkAwareThreadLock as ForkAwareThreadLock
from processing_core.util import abstract_sockets_supported as abstract_sockets_supported
from processing_core.util import after_fork as _afterfork_registry
from processing_core.util import args_from_interpreter_flags as _args_from_interpreter_flags
from processing_core.util import close_all_fds_except as close_all_fds_except
from processing_core.util import close_fds as close_fds
from processing_core.util import close_stdin as _close_stdin
from processing_core.util import debug as debug
from processing_core.util import exit_function as _exit_function
from processing_core.util import finalizers as _finalizer_registry
from processing_core.util import flush_std_streams as _flush_std_streams
from processing_core.util import get_logger as get_logger
from processing_core.util import get_temp_dir as get_temp_dir
from processing_core.util import has_writable_temp_dir as _has_writeable_tempdir
from processing_core.util import info as info
from processing_core.util import is_abstract_socket_namespace as is_abstract_socket_namespace
from processing_core.util import is_exiting as is_exiting
from processing_core.util import log_to_stderr as log_to_stderr
from processing_core.util import logs_to_stderr as _logs_to_stderr
from processing_core.util import numbers as _afterfork_counter
from processing_core.util import present_logger as _present_logger
from processing_core.util import register_after_fork as register_after_fork
from processing_core.util import run_after_forkers as _run_after_forkers
from processing_core.util import run_finalizers as _run_finalizers
from processing_core.util import spawnv_passfds as spawnv_passfds
from processing_core.util import sub_debug as sub_debug
from processing_core.util import sub_warning as sub_warning
from processing_core.util import warn as warn

__all__ = [
    "get_logger",
    "log_to_stderr",
    "sub_debug",
    "debug",
    "info",
    "sub_warning",
    "warn",
    "LOGGER_NAME",
    "DEFAULT_LOGGING_FORMAT",
    "NOTSET",
    "SUBDEBUG",
    "DEBUG",
    "INFO",
    "SUBWARNING",
    "WARNING",
    "Finalize",
    "register_after_fork",
    "is_exiting",
    "ForkAwareThreadLock",
    "ForkAwareLocal",
    "get_temp_dir",
    "close_all_fds_except",
    "close_fds",
    "spawnv_passfds",
    "is_abstract_socket_namespace",
    "abstract_sockets_supported",
    "MAXFD",
]

_finalizer_counter = _afterfork_counter

_private = (  # which libraries take from here
    *(_exit_function, _run_finalizers, _finalizer_registry, _afterfork_registry, _afterfork_counter),
    *(_args_from_interpreter_flags, _close_stdin, _flush_std_streams, _has_writeable_tempdir, _run_after_forkers),
)

if not TYPE_CHECKING:  # for a checker would take every name then

    def __getattr__(name: str) -> object:
        """What libraries look at: these change when there is a logger, and when it gets a handler."""
        if name == "_logger":
            return _present_logger()
        if name == "_log_to_stderr":
            return _logs_to_stderr()
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
