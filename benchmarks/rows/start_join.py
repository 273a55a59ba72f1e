"""Starting a process that does nothing, and joining it; without a pause, now and then, and from a large parent.

Here the main module is the benchmarks' own, which children do not load.  A program's is loaded: by our forkserver once,
by `spawn` in every child, and by multiprocessing's forkserver in every child too, in the versions of CPython that have
the fault https://github.com/python/cpython/issues/126631.  So one row starts processes from a program that imports what
programs do.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from functools import partial
from itertools import repeat
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

from benchmarks.comparison import Peer, Row

GIBIBYTE = 1 << 30
PROGRAM = Path(__file__).parents[1] / "programs" / "starting.py"
PAUSE = 0.02  # seconds


def timed(process: Any, ballast: int, n: int) -> float:
    weight = b"\1" * ballast  # writes every page, so that all are mapped
    cycle(process)  # starts a forkserver, where there is one
    start = perf_counter()
    for _ in repeat(None, n):
        cycle(process)
    taken = perf_counter() - start
    assert len(weight) == ballast
    return taken


def timed_with_pauses(process: Any, n: int) -> float:
    """As `timed`, but with pauses, as in a program that also does other work; the pauses are not counted."""
    cycle(process)
    taken = 0.0
    for _ in repeat(None, n):
        sleep(PAUSE)
        start = perf_counter()
        cycle(process)
        taken += perf_counter() - start
    return taken


def cycle(process: Any) -> None:
    child = process(target=os.getpid)  # every child has imported `os`, so no import is measured
    child.start()
    child.join()
    assert child.exitcode == 0


def ours(ballast: int, n: int) -> float:
    import processing

    return timed(processing.Process, ballast, n)


def ours_with_pauses(n: int) -> float:
    import processing

    return timed_with_pauses(processing.Process, n)


def mp_with_pauses(method: str, n: int) -> float:
    return timed_with_pauses(multiprocessing.get_context(method).Process, n)  # type: ignore[attr-defined]


def mp(method: str, ballast: int, n: int) -> float:
    return timed(multiprocessing.get_context(method).Process, ballast, n)  # type: ignore[attr-defined]


def program(side: str, n: int) -> float:
    command = [sys.executable, os.fspath(PROGRAM), side, str(n)]
    seconds: float = json.loads(subprocess.check_output(command))["seconds"]
    return seconds


ROWS = [
    Row(
        "start-join-program",
        "start+join, main imports asyncio, json, logging",
        "process",
        partial(program, "processing"),
        (
            Peer("mp forkserver", partial(program, "forkserver"), 8, 20),
            Peer("mp fork", partial(program, "fork"), 1, 2),
            Peer("mp spawn", partial(program, "spawn")),
        ),
        first=5,
    ),
    Row(
        "start-join",
        "start+join, empty main module",
        "process",
        partial(ours, 0),
        (
            Peer("mp forkserver", partial(mp, "forkserver", 0), 8, 20),
            Peer("mp fork", partial(mp, "fork", 0), 1, 2),
            Peer("mp spawn", partial(mp, "spawn", 0)),
        ),
        first=5,
    ),
    Row(
        "start-join-pauses",
        "start+join, empty main, every 20 ms",
        "process",
        ours_with_pauses,
        (
            Peer("mp forkserver", partial(mp_with_pauses, "forkserver")),
            Peer("mp fork", partial(mp_with_pauses, "fork")),
        ),
        first=5,
    ),
    Row(
        "start-join-large",
        "start+join, 1 GiB parent",
        "process",
        partial(ours, GIBIBYTE),
        (Peer("mp fork", partial(mp, "fork", GIBIBYTE), 10, 30),),
        first=5,
    ),
]
