"""Marks of tests whose subject only some systems have."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import sys
from importlib.util import find_spec

import pytest

import processing_core
from processing_core.lowlevel import SOCKET_FILES

__all__ = [
    "LAST_CHARACTER",
    "MAPPED_FILES",
    "ONE_METHOD",
    "START_METHODS",
    "TRACES",
    "UNFORKED",
    "needs_abstract_addresses",
    "needs_alarms",
    "needs_blocking_flags",
    "needs_descriptors_in_messages",
    "needs_doorbells_opened_again",
    "needs_executable_scripts",
    "needs_forks",
    "needs_forkserver",
    "needs_inspection",
    "needs_local_sockets",
    "needs_mapped_files",
    "needs_memory_files",
    "needs_memory_opened_again",
    "needs_numbered_descriptors",
    "needs_process_figures",
    "needs_process_files",
    "needs_resource_limits",
    "needs_root",
    "needs_selectable_pipes",
    "needs_signals_to_processes",
    "needs_signals_to_threads",
    "needs_traces",
    "needs_unix_sockets",
]

START_METHODS = processing_core.get_all_start_methods()
"""Those that this system has."""

UNFORKED = [method for method in START_METHODS if method != "fork"]
"""Those whose children are no copies of their parents."""

ONE_METHOD = "forkserver" if "forkserver" in START_METHODS else "spawn"
"""The one for tests that each would pass alike."""

LAST_CHARACTER = "\U0001f40d" if ctypes.sizeof(ctypes.c_wchar) == 4 else "\uff5e"
"""A character which is among the last that the system's `wchar_t` holds."""

needs_alarms = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no SIGALRM")

needs_blocking_flags = pytest.mark.skipif(
    find_spec("fcntl") is None, reason="on this system it is a socket's object that blocks, not its descriptor"
)

needs_descriptors_in_messages = pytest.mark.skipif(
    not hasattr(socket, "SCM_RIGHTS"), reason="the system's sockets carry no descriptors"
)

needs_resource_limits = pytest.mark.skipif(
    find_spec("resource") is None, reason="the system has no limits of a process's resources"
)

needs_process_files = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells in files what a process has")

needs_process_figures = pytest.mark.skipif(
    sys.platform == "darwin", reason="this library does not ask macOS how other processes are"
)

needs_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")

needs_numbered_descriptors = pytest.mark.skipif(
    find_spec("_posixsubprocess") is None, reason="on this system no program inherits a descriptor by its number"
)

needs_local_sockets = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX"),
    reason="a pair of sockets is a connection of TCP here, which tells late that the other end was closed",
)

TRACES = hasattr(os, "pwrite")
"""Whether a trace can be recorded here."""

needs_traces = pytest.mark.skipif(not TRACES, reason="no trace is recorded on this system")

needs_unix_sockets = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX"), reason="the system has no sockets with an address in the file system"
)

needs_signals_to_processes = pytest.mark.skipif(
    not hasattr(os, "killpg"), reason="on this system no signal can be sent to a process"
)

needs_signals_to_threads = pytest.mark.skipif(
    not hasattr(signal, "pthread_kill"), reason="on this system no signal can be sent to a thread"
)

needs_forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no forks")

needs_forkserver = pytest.mark.skipif("forkserver" not in START_METHODS, reason="the system has no forkserver")

needs_executable_scripts = pytest.mark.skipif(
    os.name != "posix", reason="the system starts no script as a program, and a child's handles pass no second program"
)

needs_memory_files = pytest.mark.skipif(os.name != "posix", reason="on this system named memory is no file")

needs_selectable_pipes = pytest.mark.skipif(
    not hasattr(select, "poll"), reason="on this system selectors and event loops take sockets alone"
)

needs_abstract_addresses = pytest.mark.skipif(
    SOCKET_FILES, reason="on this system the addresses of local sockets are files, which only their user can open"
)

needs_inspection = pytest.mark.skipif(
    SOCKET_FILES or os.name != "posix", reason="this system has no way into another process's shared memory"
)

needs_memory_opened_again = pytest.mark.skipif(
    SOCKET_FILES, reason="this system opens no second descriptor of shared memory whose only one was closed"
)


def _opens_mapped_files() -> bool:
    try:
        with os.scandir("/proc/self/map_files") as mapped:
            os.close(os.open(next(mapped), os.O_RDONLY))
    except (OSError, StopIteration):
        return False
    return True


MAPPED_FILES = not SOCKET_FILES and _opens_mapped_files()
"""Whether this process can open shared memory of which no process has a descriptor any more: root can, on Linux."""

needs_mapped_files = pytest.mark.skipif(
    not MAPPED_FILES,
    reason="shared memory of which no process has a descriptor any more is opened again by root alone, and on Linux",
)

needs_doorbells_opened_again = pytest.mark.skipif(
    SOCKET_FILES,
    reason="on this system a receiver cannot ring its own doorbell, so a sender rings it for every message",
)
