"""What this machine and this user allow: start methods, the arena, and the limits that a program may meet."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

import processing
from processing_core.annotations import NamedTuple
from processing_core.lowlevel import ensure_family, stats
from processing_pool.lowlevel import control_groups, usable_cpus

if sys.platform == "win32":
    UNLIMITED = -1
else:
    import resource

    UNLIMITED = resource.RLIM_INFINITY

__all__ = ["Fact", "facts"]

GIB = 1 << 30


class Fact(NamedTuple):
    """One thing to show, and the function that finds it."""

    name: str
    find: Callable[[], str]

    def text(self) -> str:
        """It in words; if it cannot be found, why."""
        try:
            return self.find()
        except Exception as error:  # a check goes on with what it can find
            return f"unknown ({type(error).__name__}: {error})"


def facts() -> Iterator[Fact]:
    """What is shown, in order."""
    yield Fact("processors", lambda: f"{usable_cpus()} for this process, of {os.cpu_count()}")
    yield Fact("start methods", start_methods)
    yield Fact("arena", arena)
    if sys.platform != "win32":
        yield Fact("named shared memory", named_memory)
        yield Fact("open files", open_files)
        yield Fact("processes", processes)
        yield Fact("address space", lambda: of_bytes(resource.getrlimit(resource.RLIMIT_AS)[0]))
        yield Fact("memory", memory)


def start_methods() -> str:
    """All of them; which one is the default."""
    default = processing.get_start_method()
    methods = processing.get_all_start_methods()
    return ", ".join(f"{method} (default)" if method == default else method for method in methods)


def arena() -> str:
    """How large the memory that processes share may become."""
    ensure_family()
    found = stats()
    chosen = "by PROCESSING_ARENA_LIMIT" if "PROCESSING_ARENA_LIMIT" in os.environ else "set_arena_limit changes it"
    return f"{of_bytes(found['cap'])} at the most ({chosen}), {of_bytes(found['mapped'])} of addresses"


def named_memory() -> str:
    """Where `SharedMemory` is: it is an own file system, which may be small in a container."""
    system = os.statvfs("/dev/shm")
    free, size = system.f_bavail * system.f_frsize, system.f_blocks * system.f_frsize
    return f"{of_bytes(free)} free of {of_bytes(size)} in /dev/shm"


def open_files() -> str:
    """The limit of descriptors: each process that is started takes a few of its parent's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return f"{len(os.listdir('/proc/self/fd')) - 1} of {of_number(soft)} (`ulimit -n` raises it to {of_number(hard)})"


def processes() -> str:
    """The limits of processes and threads: the user's, and the control groups'."""
    user = of_number(resource.getrlimit(resource.RLIMIT_NPROC)[0])
    return f"{user} of this user, {of_number(smallest('pids', ('pids.max',)))} in this container"


def memory() -> str:
    """How much memory the control groups allow; the arena counts as its processes' memory."""
    return f"{of_bytes(smallest('memory', ('memory.max', 'memory.limit_in_bytes')))} in this container"


def smallest(controller: str, names: tuple[str, ...]) -> int:
    """The smallest limit in the files of these names of all control groups; `UNLIMITED` if there is none."""
    found = [
        int(text)
        for group in control_groups(controller)
        for name in names
        if (text := _text(os.path.join(group, name))).isdigit()
    ]
    return min((number for number in found if number < 1 << 62), default=UNLIMITED)


def _text(path: str) -> str:
    try:
        with open(path, encoding="latin-1") as file:
            return file.read().strip()
    except OSError:
        return ""


def of_number(number: int) -> str:
    """A limit as a number."""
    return "unlimited" if number == UNLIMITED else str(number)


def of_bytes(number: int) -> str:
    """A limit in GiB."""
    return "unlimited" if number == UNLIMITED else f"{number / GIB:.2f} GiB"
