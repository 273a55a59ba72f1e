"""How many CPUs this process may use: by its affinity, and by the quota of its control groups."""

from __future__ import annotations

import math
import os

__all__ = ["usable_cpus"]

_CGROUPS = "/sys/fs/cgroup"
_MEMBERSHIP = "/proc/self/cgroup"


def usable_cpus() -> int:
    """CPUs that this process may run on, but no more than its control groups let it use at a time; at least 1."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = min(quotas())
    return count if math.isinf(quota) else max(1, min(count, math.ceil(quota)))


def quotas(cgroups: str = _CGROUPS, membership: str = _MEMBERSHIP) -> list[float]:
    """The CPUs that each control group above this process allows; at least one number, which may be infinite."""
    found = [math.inf]
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
        with open(path, errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""
