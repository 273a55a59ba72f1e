"""Windows: what the system says of a process, from outside."""

from __future__ import annotations

import _winapi
import ctypes
import sys
from ctypes import wintypes

from processing_core.annotations import NamedTuple

assert sys.platform == "win32"  # for type checkers

__all__ = ["Figures", "figures"]

_QUERY = 0x1000 | 0x100000  # PROCESS_QUERY_LIMITED_INFORMATION, SYNCHRONIZE
_OF_PROCESSES = 2  # TH32CS_SNAPPROCESS
_NONE = ctypes.c_void_p(-1).value  # INVALID_HANDLE_VALUE
_TICKS = 10_000_000  # of the system's clocks, in a second
_ENDED = 0  # WAIT_OBJECT_0


class Figures(NamedTuple):
    """A process as the system sees it."""

    parent: int
    """Its pid; 0 if that process has ended."""
    created: int
    """When it was, as the kernel notes it for a member."""
    cpu: float
    memory: int
    threads: int
    age: float


class _Memory(ctypes.Structure):
    """PROCESS_MEMORY_COUNTERS."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("faults", wintypes.DWORD),
        ("most", ctypes.c_size_t),
        ("resident", ctypes.c_size_t),
        ("others", ctypes.c_size_t * 6),
    )


class _Entry(ctypes.Structure):
    """PROCESSENTRY32W."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("usage", wintypes.DWORD),
        ("pid", wintypes.DWORD),
        ("heap", ctypes.c_size_t),
        ("module", wintypes.DWORD),
        ("threads", wintypes.DWORD),
        ("parent", wintypes.DWORD),
        ("priority", wintypes.LONG),
        ("flags", wintypes.DWORD),
        ("file", wintypes.WCHAR * 260),
    )


_kernel32 = ctypes.WinDLL("kernel32")
_kernel32.OpenProcess.restype = wintypes.HANDLE
_kernel32.CreateToolhelp32Snapshot.restype = wintypes.HANDLE


def figures(pid: int) -> Figures | None:
    """What the system says of a process; ``None`` if it has ended, or this one may not ask."""
    times = _times(pid)
    if times is None:
        return None
    created, kernel, user, memory = times
    parent, threads = _entry(pid)
    above = _times(parent) if parent else None
    if above is None or above[0] > created:  # its pid is another process's by now
        parent = 0
    now = ctypes.c_uint64()
    _kernel32.GetSystemTimeAsFileTime(ctypes.byref(now))
    return Figures(parent, created, (kernel + user) / _TICKS, memory, threads, max(0, now.value - created) / _TICKS)


def _times(pid: int) -> tuple[int, int, int, int] | None:
    """When a process was created, its two times on processors, and its bytes of memory; ``None`` if it has ended."""
    if not 0 < pid < 1 << 32:
        return None
    process = _kernel32.OpenProcess(_QUERY, False, pid)
    if not process:
        return None
    try:
        created, ended, kernel, user = (ctypes.c_uint64() for _ in range(4))
        handle, memory = wintypes.HANDLE(process), _Memory(ctypes.sizeof(_Memory))
        if _winapi.WaitForSingleObject(process, 0) == _ENDED or not _kernel32.GetProcessTimes(
            handle, *map(ctypes.byref, (created, ended, kernel, user))
        ):
            return None
        _kernel32.K32GetProcessMemoryInfo(handle, ctypes.byref(memory), memory.size)  # 0 if the system does not tell
        return created.value, kernel.value, user.value, memory.resident
    finally:
        _winapi.CloseHandle(process)


def _entry(pid: int) -> tuple[int, int]:
    """The pid of a process's parent, which may have ended, and the number of its threads; 0 if it is not listed."""
    listing = _kernel32.CreateToolhelp32Snapshot(_OF_PROCESSES, 0)
    if listing in (None, _NONE):
        return 0, 0
    try:
        entry = _Entry(ctypes.sizeof(_Entry))
        more = _kernel32.Process32FirstW(wintypes.HANDLE(listing), ctypes.byref(entry))
        while more:
            if entry.pid == pid:
                return entry.parent, entry.threads
            more = _kernel32.Process32NextW(wintypes.HANDLE(listing), ctypes.byref(entry))
        return 0, 0
    finally:
        _winapi.CloseHandle(listing)
