"""Linux: the processors are limited by affinity and by control groups; /proc tells how much memory a process has."""

from __future__ import annotations

import os
from collections.abc import Iterable

__all__ = ["OutOfMemory", "resident", "usable_cpus", "use_cpus"]

_INFINITE = float("inf")
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_CGROUPS = "/sys/fs/cgroup"
_MEMBERSHIP = "/proc/self/cgroup"


def usable_cpus() -> int:
    """CPUs that this process may run on, but no more than its control groups let it use at a time; at least 1."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = min(quotas())
    return count if quota == _INFINITE else max(1, min(count, int(-(-quota // 1))))


def use_cpus(cpus: Iterable[int]) -> None:
    """Let this process run on these alone.

    :raises OSError: if it may run on none of them.
    """
    os.sched_setaffinity(0, cpus)


def quotas(cgroups: str = _CGROUPS, membership: str = _MEMBERSHIP) -> list[float]:
    """The CPUs that each control group above this process allows; at least one number, which may be infinite."""
    found = [_INFINITE]
    for group in control_groups("cpu", cgroups, membership):
        quota = _v2(f"{group}/cpu.max") or _v1(group)
        if quota is not None:
            found.append(quota)
    return found


def control_groups(controller: str, cgroups: str = _CGROUPS, membership: str = _MEMBERSHIP) -> list[str]:
    """The directories of this process's control groups, inmost first, in both hierarchies."""
    groups: list[str] = []
    for line in _text(membership).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "" or controller in controllers.split(","):
            root = os.path.join(cgroups, controllers)
            inner = path.strip("/").split("/") if path.strip("/") else []
            groups += [os.path.join(root, *inner[:depth]) for depth in range(len(inner), -1, -1)]
    return groups


def _v2(file: str) -> float | None:
    quota, _, period = _text(file).partition(" ")
    return int(quota) / int(period) if quota.isdigit() and period.strip().isdigit() else None


def _v1(group: str) -> float | None:
    quota, period = _text(f"{group}/cpu.cfs_quota_us").strip(), _text(f"{group}/cpu.cfs_period_us").strip()
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else None


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


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
        with open(path, encoding="latin-1") as file:
            lines = file.readlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
