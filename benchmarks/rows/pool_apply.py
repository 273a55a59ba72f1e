"""One call to a pool at a time: how long until its result has arrived."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from itertools import repeat
from time import perf_counter

from benchmarks.comparison import Peer, Row

fork = multiprocessing.get_context("fork")
WORKERS = 2


def identity(number: int) -> int:
    return number


def timed(call: Callable[[], int], n: int) -> float:
    for _ in range(10):
        call()
    start = perf_counter()
    for _ in repeat(None, n):
        call()
    return perf_counter() - start


def ours(n: int) -> float:
    import processing

    with processing.Pool(WORKERS) as pool:
        return timed(lambda: pool.apply(identity, (1,)), n)


def mp(n: int) -> float:
    with fork.Pool(WORKERS) as pool:
        return timed(lambda: pool.apply(identity, (1,)), n)


def executor(n: int) -> float:
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(WORKERS, mp_context=fork) as pool:
        return timed(lambda: pool.submit(identity, 1).result(), n)


def loky(n: int) -> float:
    from loky import get_reusable_executor

    with get_reusable_executor(max_workers=WORKERS) as pool:
        return timed(lambda: pool.submit(identity, 1).result(), n)


def mpire(n: int) -> float:
    from mpire.pool import WorkerPool

    with WorkerPool(n_jobs=WORKERS, start_method="fork", keep_alive=True) as pool:
        return timed(lambda: pool.apply(identity, (1,)), n)


def pebble(n: int) -> float:
    from pebble import ProcessPool

    with ProcessPool(max_workers=WORKERS, context=fork) as pool:
        return timed(lambda: pool.submit(identity, None, 1).result(), n)


ROWS = [
    Row(
        "pool-apply",
        "pool.apply",
        "call",
        ours,
        (
            Peer("mp.Pool", mp, 6, 30),
            Peer("ProcessPoolExecutor", executor),
            Peer("loky", loky, requires="loky"),
            Peer("mpire", mpire, requires="mpire"),
            Peer("pebble", pebble, requires="pebble"),
        ),
        first=20,
    )
]
