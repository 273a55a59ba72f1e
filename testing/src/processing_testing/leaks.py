"""Checks that a test left nothing behind: no process, no thread, no descriptor, no entry in ``/dev/shm``.

What ends on its own a moment later (a reaped child, a closing thread) is given `GRACE` seconds. What a family keeps on
purpose, such as the arena's descriptor or the forkserver, must be there before the check begins, or be named by
*expected*.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from processing_testing import processes

GRACE = 3.0
SHM = Path("/dev/shm")
FOREIGN_SHM = ("psm_", "sem.mp-", "sem.loky-", "pym-")
"""Names that `multiprocessing` and loky give; never ours, so a program running beside the tests made them."""


class Belongings(NamedTuple):
    """What this process and its descendants hold; each thing by an identity that is not reused."""

    processes: dict[object, str]
    descriptors: dict[object, str]
    threads: dict[object, str]
    shared_memory: dict[object, str]

    def beyond(self, earlier: Belongings) -> list[str]:
        """What is held now and was not *earlier*, in words."""
        return [
            f"{kind.replace('_', ' ')}: {text}"
            for kind, now, before in zip(self._fields, self, earlier, strict=True)
            for key, text in now.items()
            if key not in before
        ]


def belongings() -> Belongings:
    """What is held at this moment."""
    return Belongings(_processes(), _descriptors(), _threads(), _shared_memory())


@contextmanager
def leaves_nothing(grace: float = GRACE, expected: Callable[[str], bool] = lambda thing: False) -> Iterator[None]:
    """Fail if the body leaves something behind.

    :param grace: seconds in which it may still go away.
    :param expected: says whether a thing, described in words, may stay.
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


def _processes() -> dict[object, str]:
    spares = _spares()
    return {(info.pid, info.started): str(info) for info in processes.family(os.getpid()) if info.pid not in spares}


def _spares() -> set[int]:
    """The children that the forkserver keeps in reserve: they come and go as it sees fit."""
    lowlevel = sys.modules.get("processing_core.lowlevel")
    if lowlevel is None:
        return set()
    return {pid for _, _, pid, name in lowlevel.members() if name == "ForkServer spare"}


def _descriptors() -> dict[object, str]:
    found: dict[object, str] = {}
    folder = next((path for path in ("/proc/self/fd", "/dev/fd") if os.path.isdir(path)), None)
    for name in os.listdir(folder) if folder else ():
        with suppress(OSError):  # the descriptor of the listing itself
            target, status = os.readlink(f"{folder}/{name}"), os.fstat(int(name))
            found[int(name), status.st_dev, status.st_ino] = f"{name} -> {target}"
    return found


def _threads() -> dict[object, str]:
    found: dict[object, str] = {thread: repr(thread) for thread in threading.enumerate()}
    with suppress(OSError):
        known = {thread.native_id for thread in threading.enumerate()}
        found |= {
            int(task): f"native thread {task}" for task in os.listdir("/proc/self/task") if int(task) not in known
        }
    return found


def _shared_memory() -> dict[object, str]:
    if not SHM.is_dir():
        return {}
    return {path.name: str(path) for path in SHM.iterdir() if not path.name.startswith(FOREIGN_SHM)}
