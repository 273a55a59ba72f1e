"""What the system says of processes, and where it has arenas."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from processing_core._fds.descriptors import open_file
from processing_core._introspection.arena_reader import ArenaReader, FileSource, NotReadable
from processing_core.annotations import NamedTuple

__all__ = ["ProcessInfo", "catches_signals", "families", "opened", "process_info"]

FILE_NAME = "/memfd:processing"
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_NO_WAY = "this system has no way into another process's shared memory"
_STATES = {"R": "running", "S": "sleeping", "D": "sleeping", "I": "sleeping", "T": "stopped", "t": "stopped"}
# Of SIGINT, which Python handles, and those that faulthandler does: ILL, TRAP, ABRT, BUS, FPE, SEGV.
_USUAL_HANDLERS = sum(1 << (number - 1) for number in (2, 4, 5, 6, 7, 8, 11))


class ProcessInfo(NamedTuple):
    """A process as the system sees it."""

    state: str
    parent: int
    start_time: int
    cpu: float
    memory: int
    threads: int
    age: float


def process_info(pid: int) -> ProcessInfo | None:
    """What the system says of a process; ``None`` if it is gone, or a zombie."""
    if sys.platform == "win32":
        from processing_core._platform._windows_processes import figures

        found = figures(pid)
        return None if found is None else ProcessInfo("running", *found)  # the system does not tell which sleep
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b") ")[2].decode().split()
        with open("/proc/uptime", "rb") as file:
            uptime = float(file.read().split()[0])
    except OSError:
        return None
    if len(fields) < 22 or fields[0] in "ZX":
        return None
    cpu, start = (int(fields[11]) + int(fields[12])) / _TICKS, int(fields[19])
    age = max(0.0, uptime - start / _TICKS)
    state = _STATES.get(fields[0], "sleeping")
    return ProcessInfo(state, int(fields[1]), start, cpu, int(fields[21]) * _PAGE, int(fields[17]), age)


def catches_signals(pid: int) -> bool:
    """Whether a process handles signals that Python does not handle by itself: a handler may end its waits."""
    if sys.platform == "win32":
        return False  # there are Ctrl-C and Ctrl-Break, and no others
    try:
        with open(f"/proc/{pid}/status", encoding="latin-1") as file:
            line = next((line for line in file if line.startswith("SigCgt:")), None)
    except OSError:
        return True
    return line is None or bool(int(line.split()[1], 16) & ~_USUAL_HANDLERS & ((1 << 31) - 1))


@contextmanager
def opened(pid: int) -> Iterator[ArenaReader]:
    """The arena of the family of a process, opened for reading only.

    :raises NotReadable: if there is none, or this process may not look.
    """
    fd = open_file(_arena_of(pid), os.O_RDONLY)
    try:
        yield ArenaReader(FileSource(fd))
    finally:
        os.close(fd)


def _arena_of(pid: int) -> str:
    """A path by which the arena of a process can be opened."""
    if sys.platform == "win32":
        raise NotReadable(_NO_WAY if process_info(pid) else f"there is no process {pid}")
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        raise NotReadable(f"there is no process {pid}") from None
    except PermissionError:
        raise NotReadable(
            f"process {pid} is another user's, or protected: the system does not let this one look"
        ) from None
    except NotADirectoryError:
        raise NotReadable(_NO_WAY) from None
    for name in names:
        path = f"{folder}/{name}"
        if _link(path).startswith(f"{FILE_NAME} "):
            return path
    return _mapped(pid)


def _mapped(pid: int) -> str:
    """The same by its mapping: the program has closed the descriptor.  The system lets only root do so, as a rule."""
    folder = f"/proc/{pid}/map_files"
    try:
        for name in os.listdir(folder):
            path = f"{folder}/{name}"
            if _link(path).startswith(f"{FILE_NAME} "):
                os.close(open_file(path, os.O_RDONLY))
                return path
    except OSError:
        pass
    raise NotReadable(f"process {pid} belongs to no family: it has started no process and made nothing shared")


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def families() -> list[list[int]]:
    """The pids of each family that this process may look at, each in ascending order."""
    if sys.platform == "win32":
        return []
    found: dict[tuple[int, int], list[int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc/self/fd") else ():
        if name.isdigit():
            try:
                status = os.stat(_arena_of(int(name)))
            except (NotReadable, OSError):
                continue
            found.setdefault((status.st_dev, status.st_ino), []).append(int(name))
    return sorted(sorted(pids) for pids in found.values())
