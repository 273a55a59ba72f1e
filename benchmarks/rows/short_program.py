"""A whole program, from the interpreter's start to its end: ten items by a pool of two workers."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from itertools import repeat
from pathlib import Path
from time import perf_counter

from benchmarks.comparison import Peer, Row

PROGRAM = Path(__file__).parents[1] / "programs" / "short.py"


def timed(side: str, n: int) -> float:
    command = [sys.executable, os.fspath(PROGRAM), side]
    start = perf_counter()
    for _ in repeat(None, n):
        subprocess.run(command, check=True)
    return perf_counter() - start


ROWS = [
    Row(
        "short-program",
        "a program: Pool(2), map of ten items",
        "program",
        partial(timed, "processing"),
        (
            Peer("mp fork", partial(timed, "fork"), 0.6, 0.9),
            Peer("mp forkserver", partial(timed, "forkserver")),
            Peer("mp spawn", partial(timed, "spawn")),
        ),
        first=3,
    )
]
