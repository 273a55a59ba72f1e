"""macOS: libproc tells of a process's memory; the system kills nothing that it could name.  This has not run."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable
from functools import cache

__all__ = ["OutOfMemory", "resident", "usable_cpus", "use_cpus"]

_PROC_PIDTASKINFO, _SIZE = 4, 96  # of <sys/proc_info.h>: the flavor, and the bytes of struct proc_taskinfo
_SIZES = struct.Struct("=2Q")  # its first fields: virtual and resident bytes


@cache
def _libproc() -> ctypes.CDLL:
    return ctypes.CDLL("/usr/lib/libproc.dylib")


def usable_cpus() -> int:
    """The processors that are online; at least 1."""
    return os.cpu_count() or 1


def use_cpus(cpus: Iterable[int]) -> None:
    """:raises OSError: always: the system binds no process to processors."""
    raise OSError(errno.ENOTSUP, "the system binds no process to processors")


def resident(pid: int) -> int:
    """The resident bytes of a process, with those that it shares.

    :return: 0 if the process is gone, or the system does not tell it.
    """
    found = ctypes.create_string_buffer(_SIZE)
    if _libproc().proc_pidinfo(pid, _PROC_PIDTASKINFO, ctypes.c_uint64(0), found, _SIZE) != _SIZE:
        return 0
    return int(_SIZES.unpack_from(found)[1])


class OutOfMemory:
    """The system does not count the processes that it has killed for lack of memory."""

    def has_killed(self) -> bool:
        """False."""
        return False
