"""What the operating system knows of this process's descendants, independent of the code under test."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
PY_SPY_SECONDS = 3.0


class ProcessInfo(NamedTuple):
    """One row of the system's process table."""

    pid: int
    parent: int
    group: int
    state: str
    """The letter that `ps` shows; ``Z`` is a zombie."""
    started: int
    """In clock ticks since boot; together with the pid it identifies one process for ever."""
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} (parent {self.parent}, state {self.state}): {self.command}"


def snapshot() -> dict[int, ProcessInfo]:
    """Every process of the machine that this one may see, by pid; empty where there is no ``/proc``."""
    if os.name != "posix" or not (PROC / "self" / "stat").exists():
        return {}
    found = (read(int(entry)) for entry in os.listdir(PROC) if entry.isdigit())
    return {info.pid: info for info in found if info is not None}


def read(pid: int) -> ProcessInfo | None:
    """The row of one process, or `None` if there is none."""
    try:
        name, _, rest = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")
        arguments = (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return None
    field = rest.split()
    command = arguments or f"[{name.partition('(')[2]}]"
    return ProcessInfo(pid, int(field[1]), int(field[2]), field[0], int(field[19]), command[:200])


def family(root: int) -> list[ProcessInfo]:
    """The living and dead processes below *root*: its descendants, and orphans of its process group.

    A process counts as an orphan if it is in *root*'s group and its parent is not. An orphan that has ended is left
    out: its new parent reaps it.
    """
    table = snapshot()
    if root not in table:
        return []
    group = table[root].group
    relatives = {root}
    ancestors = set(_ancestors(table, root))
    for info in table.values():
        adopted = info.parent not in table or table[info.parent].group != group
        orphan = info.group == group and adopted and info.pid not in ancestors and info.state != "Z"
        if orphan and info.started >= table[root].started:
            relatives.add(info.pid)
    while True:
        grown = relatives | {info.pid for info in table.values() if info.parent in relatives}
        if grown == relatives:
            return [table[pid] for pid in sorted(relatives - {root})]
        relatives = grown


def _ancestors(table: dict[int, ProcessInfo], pid: int) -> Iterable[int]:
    while pid in table:
        yield pid
        pid = table[pid].parent


def end_within(family: Iterable[ProcessInfo], seconds: float) -> bool:
    """Poll until these processes have ended, since only their parents are notified; ``False`` if time runs out."""
    deadline = time.monotonic() + seconds
    left = list(family)
    while left := [info for info in left if _lives(info)]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def _lives(info: ProcessInfo) -> bool:
    now = read(info.pid)
    return now is not None and now.started == info.started and now.state != "Z"


def kill(victims: Iterable[ProcessInfo]) -> None:
    """SIGKILL each of *victims* that is still the process it was."""
    for victim in victims:
        now = read(victim.pid)
        if now is not None and now.started == victim.started:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(victim.pid, signal.SIGKILL)


def describe(info: ProcessInfo) -> str:
    """What a process is executing: its Python stack by py-spy where that works, else what ``/proc`` shows."""
    return f"--- {info}\n{_python_stack(info.pid) or _kernel_view(info.pid)}\n"


def _python_stack(pid: int) -> str:
    beside = Path(sys.executable).with_name("py-spy")
    program = str(beside) if beside.exists() else shutil.which("py-spy")
    if program is None:
        return ""
    command = [program, "dump", "--nonblocking", "--pid", str(pid)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=PY_SPY_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout if run.returncode == 0 else ""


def _kernel_view(pid: int) -> str:
    lines = []
    for name in ("wchan", "syscall", "stack"):
        with suppress(OSError):
            lines += [f"{name}: {line}" for line in (PROC / str(pid) / name).read_text().splitlines()]
    threads = PROC / str(pid) / "task"
    with suppress(OSError):
        lines.append(f"threads: {len(os.listdir(threads))}")
    return "\n".join(lines)
