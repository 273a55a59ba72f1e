"""Windows: processors and memory.  The system ends no process for want of memory: allocations fail."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from ctypes import wintypes

assert sys.platform == "win32"  # for type checkers

__all__ = ["OutOfMemory", "resident", "usable_cpus", "use_cpus"]

_QUERY_LIMITED = 0x1000  # PROCESS_QUERY_LIMITED_INFORMATION


_THIS_PROCESS = wintypes.HANDLE(-1)


class _Counters(ctypes.Structure):
    """PROCESS_MEMORY_COUNTERS_EX."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("faults", wintypes.DWORD),
        *((name, ctypes.c_size_t) for name in ("peak", "working_set", "a", "b", "c", "d", "pagefile", "e", "private")),
    )


def usable_cpus() -> int:
    """CPUs that this process may run on; at least 1."""
    kernel32 = ctypes.windll.kernel32
    mine, all_of_them = ctypes.c_size_t(), ctypes.c_size_t()
    told = kernel32.GetProcessAffinityMask(_THIS_PROCESS, ctypes.byref(mine), ctypes.byref(all_of_them))
    return mine.value.bit_count() if told and mine.value else os.cpu_count() or 1


def use_cpus(cpus: Iterable[int]) -> None:
    """Let this process run on these alone.

    :raises OSError: if there is one of them that it may not run on.
    """
    mask = ctypes.c_size_t(sum({1 << cpu for cpu in cpus}))
    if not ctypes.windll.kernel32.SetProcessAffinityMask(_THIS_PROCESS, mask):
        raise ctypes.WinError()


def resident(pid: int) -> int:
    """The bytes that a process alone has; memory that is shared or of files does not count.

    :return: 0 if the process is gone, or the system does not tell it.
    """
    kernel32 = ctypes.windll.kernel32
    kernel32.OpenProcess.restype = wintypes.HANDLE
    process = wintypes.HANDLE(kernel32.OpenProcess(_QUERY_LIMITED, False, pid))
    if process.value is None:
        return 0
    counters = _Counters()
    try:
        told = kernel32.K32GetProcessMemoryInfo(process, ctypes.byref(counters), ctypes.sizeof(counters))
        return (
            int(counters.private or counters.pagefile) if told else 0
        )  # the latter since Windows 8, and by Wine alone
    finally:
        kernel32.CloseHandle(process)


class OutOfMemory:
    """Whether the system has ended processes for want of memory: it never does."""

    def has_killed(self) -> bool:
        """Whether a process was killed since the last call."""
        return False
