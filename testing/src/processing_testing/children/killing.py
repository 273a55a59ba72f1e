"""To kill a process on every system: Windows has no SIGKILL; there the exit code says that a process was killed."""

from __future__ import annotations

import os
import signal
import sys

__all__ = ["SIGKILL", "kill"]

SIGKILL: int = getattr(signal, "SIGKILL", 9)


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
