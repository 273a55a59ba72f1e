"""Checks that a test left nothing behind: no process, no thread, no descriptor, no entry in ``/dev/shm``.

The check waits up to `GRACE` seconds, because some things end a moment later (a child that is being reaped, a thread
that is ending). What a family keeps on purpose, such as the arena's descriptor or the forkserver, must exist before the
check begins, or be accepted by *expected*.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from processing_testing.harness import processes

GRACE = 3.0
POSIX = os.name == "posix"
"""Wine also shows the files of the system below, which speak of other processes than Windows' pids do."""
SHM = Path("/dev/shm")
FOREIGN_SHM = ("psm_", "sem.mp-", "sem.loky-", "pym-")
"""Names that `multiprocessing` and loky give, but this project does not: another program has created these entries."""


class Belongings(NamedTuple):
    """What this process and its descendants hold; each thing has an identity that is not reused."""

    processes: dict[object, str]
    descriptors: dict[object, str]
    threads: dict[object, str]
    shared_memory: dict[object, str]

    def beyond(self, earlier: Belongings) -> list[str]:
        """Descriptions of what is held now and was not *earlier*."""
        return [
            f"{kind.replace('_', ' ')}: {text}"
            for kind, now, before in zip(self._fields, self, earlier, strict=True)
            for key, text in now.items()
            if key not in before
        ]


def belongings() -> Belongings:
    """What is held now."""
    return Belongings(_processes(), _descriptors(), _threads(), _shared_memory())


@contextmanager
def leaves_nothing(grace: float = GRACE, expected: Callable[[str], bool] = lambda thing: False) -> Iterator[None]:
    """Fail if the body leaves something behind.

    :param grace: seconds in which it may still disappear.
    :param expected: called with the description of a thing; returns whether it may stay.
    :raises AssertionError: naming everything that is left.
    """
    before = belongings()
    yield
    deadline = time.monotonic() + grace
    pause = 0.001
    while left := [thing for thing in belongings().beyond(before) if not expected(thing)]:
        if time.monotonic() >= deadline:
            raise AssertionError("left behind:\n  " + "\n  ".join(left))
        time.sleep(pause)  # the system offers no event for "a descriptor was closed"
        pause = min(2 * pause, 0.05)


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Fail the test if it leaves a process, thread, descriptor or shared memory behind."""
    with leaves_nothing():
        yield


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Fail the test if a thread that it started still runs: every later `os.fork` of this process would warn of it.

    The threads of a pool may stay, since a pool may serve several tests.
    """
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + GRACE
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("processing pool's"):
            continue
        thread.join(max(deadline - time.monotonic(), 0))
        if thread.is_alive():
            frame = sys._current_frames().get(thread.ident or 0)
            stack = "".join(traceback.format_stack(frame)) if frame else ""
            raise AssertionError(f"left behind: {thread!r}\n{stack}")


def _processes() -> dict[object, str]:
    spares = _spares()
    return {(info.pid, info.started): str(info) for info in processes.family(os.getpid()) if info.pid not in spares}


def _spares() -> set[int]:
    """The spare children of the forkserver, which starts and ends them by itself."""
    lowlevel = sys.modules.get("processing_core.lowlevel")
    if lowlevel is None:
        return set()
    return {pid for _, _, pid, name in lowlevel.members() if name == "ForkServer spare"}


def _descriptors() -> dict[object, str]:
    found: dict[object, str] = {}
    folder = next((path for path in ("/proc/self/fd", "/dev/fd") if POSIX and os.path.isdir(path)), None)
    for name in os.listdir(folder) if folder else ():
        with suppress(OSError):  # the descriptor of the listing itself
            target, status = os.readlink(f"{folder}/{name}"), os.fstat(int(name))
            found[int(name), status.st_dev, status.st_ino] = f"{name} -> {target}"
    return found


def _threads() -> dict[object, str]:
    found: dict[object, str] = {thread: repr(thread) for thread in threading.enumerate()}
    with suppress(OSError):
        if not POSIX:
            return found
        known = {thread.native_id for thread in threading.enumerate()}
        found |= {
            int(task): f"native thread {task}" for task in os.listdir("/proc/self/task") if int(task) not in known
        }
    return found


def _shared_memory() -> dict[object, str]:
    if not POSIX or not SHM.is_dir():
        return {}
    return {path.name: str(path) for path in SHM.iterdir() if not path.name.startswith(FOREIGN_SHM)}
