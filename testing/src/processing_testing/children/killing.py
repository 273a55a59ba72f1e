"""To kill a process on every system: Windows has no signals; there the exit code says how a process has ended."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys

__all__ = ["CRASHED", "SIGKILL", "crash", "kill"]

SIGKILL: int = getattr(signal, "SIGKILL", 9)

CRASHED: int = 0xC0000005 if sys.platform == "win32" else -signal.SIGSEGV
"""The exit code of a process that `crash` has ended."""


def crash() -> None:
    """Read where there is no memory; ends this process."""
    if sys.platform != "win32":
        ctypes.string_at(0)
    faulthandler._read_null()  # type: ignore[attr-defined] # there ctypes makes an exception of it


def kill(pid: int) -> None:
    """End a process, whatever it does; perhaps this one."""
    if sys.platform != "win32":
        os.kill(pid, SIGKILL)
        return
    import _winapi

    process = _winapi.OpenProcess(1, False, pid)  # PROCESS_TERMINATE
    try:
        _winapi.TerminateProcess(process, 0x10000 + SIGKILL)
    finally:
        _winapi.CloseHandle(process)
