"""``PROCESSING_DEADLOCK=warn``: a program says itself that its processes wait for one another."""

from __future__ import annotations

import os
import sys
import time

from processing_core._native import _kernel
from processing_core._threads import DaemonThread
from processing_core._writable import can_write

__all__ = ["start"]

VARIABLE = "PROCESSING_DEADLOCK"
USUAL_TIME = 5.0
"""Seconds that a deadlock must have lasted."""
INTERVAL = 1.0
"""Seconds between two looks."""


def start() -> None:
    """Start the thread that looks, in the root of the family.

    :raises ValueError: if the variable is neither ``warn`` nor ``warn:SECONDS``.
    """
    seconds = _seconds(os.environ[VARIABLE])
    thread = DaemonThread(_watch, (seconds,), name="processing deadlock watcher")
    thread.start()


def _seconds(written: str) -> float:
    word, _, number = written.partition(":")
    try:
        seconds = float(number) if number else USUAL_TIME
    except ValueError:
        seconds = -1.0
    if word != "warn" or seconds < 0:
        raise ValueError(f"{VARIABLE} must be warn or warn:SECONDS, not {written!r}")
    return seconds


def _watch(seconds: float) -> None:
    from processing_core.introspection import deadlocks

    _kernel.set_idle(True)
    since: dict[tuple[int, ...], float] = {}
    told: set[tuple[int, ...]] = set()
    while True:
        time.sleep(min(INTERVAL, max(0.05, seconds)))
        found = {deadlock.members: deadlock.text for deadlock in deadlocks()}
        since = {members: since.get(members, time.monotonic()) for members in found}
        for members, text in found.items():
            if members not in told and time.monotonic() - since[members] >= seconds and _tell(text):
                told.add(members)


def _tell(text: str) -> bool:
    """Write a line to ``sys.stderr``; return whether there is no use in trying again."""
    stream = sys.stderr
    if stream is None or not can_write(stream, unknown=True):
        return False
    try:
        stream.write(f"processing: deadlock: {text}\n")
        stream.flush()
    except ValueError:
        return False  # it is closed; the program may set another
    except OSError:
        pass  # no process reads it any more; its buffer has the line, and needs no second one
    return True
