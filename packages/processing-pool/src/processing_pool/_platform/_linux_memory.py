"""Memory: how much a process has, and whether the system killed a process because it lacked memory."""

from __future__ import annotations

import os
from collections.abc import Iterable

from processing_pool._platform._linux_processors import control_groups

__all__ = ["OutOfMemory", "resident"]

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def resident(pid: int) -> int:
    """The resident bytes of a process that are its own; memory that is shared or of files does not count.

    :return: 0 if the process is gone, or the system does not tell it.
    """
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            fields = file.read().split()
    except OSError:
        return 0
    return (int(fields[1]) - int(fields[2])) * _PAGE


class OutOfMemory:
    """Whether the kernel's out-of-memory killer was at work since the last look.

    :param files: where its kills are counted, as ``oom_kill`` and a number: by each control group, and by the system.
    """

    def __init__(self, files: Iterable[str] | None = None) -> None:
        if files is None:
            names = "memory.events", "memory.oom_control"
            files = [*(f"{group}/{name}" for group in control_groups("memory") for name in names), "/proc/vmstat"]
        self._files = list(files)
        self._count = self._read()

    def has_killed(self) -> bool:
        """Whether a process was killed since the last call."""
        before, self._count = self._count, self._read()
        return any(now > then for now, then in zip(self._count, before, strict=True))

    def _read(self) -> list[int]:
        return [_kills(file) for file in self._files]


def _kills(path: str) -> int:
    try:
        with open(path) as file:
            lines = file.readlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
