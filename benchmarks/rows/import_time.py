"""Importing the package in a fresh interpreter, against the same parts of `multiprocessing`."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from benchmarks.comparison import Peer, Row

SCRIPT = "from time import perf_counter\nstart = perf_counter()\nimport {}\nprint(perf_counter() - start)"

OURS = "processing; processing.Process, processing.Lock, processing.Queue, processing.Value, processing.Pool"
MP = (
    "multiprocessing.process, multiprocessing.synchronize, multiprocessing.queues, multiprocessing.sharedctypes, "
    "multiprocessing.pool"
)


def timed(what: str, n: int) -> float:
    command = [sys.executable, "-c", SCRIPT.format(what)]
    return sum(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(n))


ROWS = [
    Row(
        "import",
        "import",
        "interpreter",
        partial(timed, OURS),
        (Peer("multiprocessing", partial(timed, MP), 1, 2),),
        first=3,
    )
]
