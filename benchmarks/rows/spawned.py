"""Processes that start by ``spawn`` on both sides: all that Windows has, where no other row can be measured.

The floors are those of Windows, where spare children wait for the next start.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import repeat
from time import perf_counter
from typing import Any

from benchmarks.comparison import Peer, Row

WORKERS = 2
TIMED_OUT = 60  # seconds; a child that does not answer must not keep the table


def context(side: str) -> Any:
    if side == "mp":
        return multiprocessing.get_context("spawn")
    import processing

    return processing.get_context("spawn")


def produce(queue: Any, n: int) -> None:
    for item in range(n + 1):
        queue.put(item)


def stream(side: str, n: int) -> float:
    """From the first item that a child puts to the last."""
    ctx = context(side)
    queue = ctx.Queue()
    child = ctx.Process(target=produce, args=(queue, n))
    child.start()
    queue.get(timeout=TIMED_OUT)
    start = perf_counter()
    deque((queue.get() for _ in repeat(None, n)), maxlen=0)
    taken = perf_counter() - start
    child.join()
    return taken


def identity(number: int) -> int:
    return number


def pool_map(side: str, n: int) -> float:
    with context(side).Pool(WORKERS) as pool:
        pool.map(identity, range(100), chunksize=1)
        start = perf_counter()
        results = pool.map(identity, range(n), chunksize=1)
        taken = perf_counter() - start
    assert results == list(range(n))
    return taken


def lock(side: str, n: int) -> float:
    made = context(side).Lock()
    acquire, release = made.acquire, made.release
    start = perf_counter()
    for _ in repeat(None, n):
        acquire()
        release()
    return perf_counter() - start


def start_join(side: str, n: int) -> float:
    ctx = context(side)

    def cycle() -> None:
        child = ctx.Process(target=os.getpid)
        child.start()
        child.join()
        assert child.exitcode == 0

    cycle()
    start = perf_counter()
    for _ in repeat(None, n):
        cycle()
    return perf_counter() - start


def row(name: str, what: str, unit: str, measure: Callable[[str, int], float], floor: float, first: int = 1) -> Row:
    peer = Peer("multiprocessing", partial(measure, "mp"), floor if sys.platform == "win32" else None)
    return Row(name, f"{what}, spawn", unit, partial(measure, "processing"), (peer,), first)


ROWS = [
    row("spawn-queue", "queue, an int", "item", stream, 10, 1_000),
    row("spawn-map", "pool.map, chunksize 1", "task", pool_map, 6, 200),
    row("spawn-lock", "lock acquire+release", "turn", lock, 1, 10_000),
    row("spawn-start", "start+join, empty main module", "process", start_join, 1.5),
]
