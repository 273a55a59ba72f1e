"""How many CPUs this process may use: by its affinity, and by the quota of its control groups."""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["usable_cpus"]

_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def usable_cpus() -> int:
    """CPUs that this process may run on, but no more than its control groups let it use at a time; at least 1."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = min(quotas())
    return count if math.isinf(quota) else max(1, min(count, math.ceil(quota)))


def quotas(cgroups: Path = _CGROUPS, membership: Path = _MEMBERSHIP) -> list[float]:
    """The CPUs that each control group above this process allows; at least one number, which may be infinite."""
    found = [math.inf]
    for group in control_groups("cpu", cgroups, membership):
        quota = _v2(group / "cpu.max") or _v1(group)
        if quota is not None:
            found.append(quota)
    return found


def control_groups(controller: str, cgroups: Path = _CGROUPS, membership: Path = _MEMBERSHIP) -> list[Path]:
    """The directories of this process's control groups, inmost first, in both hierarchies."""
    groups: list[Path] = []
    for line in _text(membership).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "" or controller in controllers.split(","):
            root = cgroups / controllers if controllers else cgroups
            inner = root / path.lstrip("/")
            groups += [inner, *(parent for parent in inner.parents if parent.is_relative_to(root))]
    return groups


def _v2(file: Path) -> float | None:
    quota, _, period = _text(file).partition(" ")
    return int(quota) / int(period) if quota.isdigit() and period.strip().isdigit() else None


def _v1(group: Path) -> float | None:
    quota, period = _text(group / "cpu.cfs_quota_us").strip(), _text(group / "cpu.cfs_period_us").strip()
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else None


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
