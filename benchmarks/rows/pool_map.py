"""Many tasks that do nothing, each sent alone (``chunksize=1``), by two workers; all results, or as they come."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable
from functools import partial
from time import perf_counter
from typing import Any

from benchmarks.comparison import Peer, Row

fork = multiprocessing.get_context("fork")
WORKERS = 2


def identity(number: int) -> int:
    return number


def timed(mapped: Callable[[int], Any], n: int) -> float:
    mapped(100)
    start = perf_counter()
    results = mapped(n)
    taken = perf_counter() - start
    assert results == list(range(n))
    return taken


def ours(n: int) -> float:
    import processing

    with processing.Pool(WORKERS) as pool:
        return timed(lambda count: pool.map(identity, range(count), chunksize=1), n)


def ours_unordered(items: Callable[[int], Iterable[int]], n: int) -> float:
    import processing

    with processing.Pool(WORKERS) as pool:
        return timed(lambda count: sorted(pool.imap_unordered(identity, items(count))), n)


def mp_unordered(items: Callable[[int], Iterable[int]], n: int) -> float:
    with fork.Pool(WORKERS) as pool:
        return timed(lambda count: sorted(pool.imap_unordered(identity, items(count))), n)


def generated(count: int) -> Iterable[int]:
    """Items of which nothing is known before they are taken."""
    return (number for number in range(count))


def mp(n: int) -> float:
    with fork.Pool(WORKERS) as pool:
        return timed(lambda count: pool.map(identity, range(count), chunksize=1), n)


def executor(n: int) -> float:
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(WORKERS, mp_context=fork) as pool:
        return timed(lambda count: list(pool.map(identity, range(count), chunksize=1)), n)


def loky(n: int) -> float:
    from loky import get_reusable_executor

    with get_reusable_executor(max_workers=WORKERS) as pool:
        return timed(lambda count: list(pool.map(identity, range(count), chunksize=1)), n)


def mpire(n: int) -> float:
    from mpire.pool import WorkerPool

    with WorkerPool(n_jobs=WORKERS, start_method="fork", keep_alive=True) as pool:
        return timed(lambda count: pool.map(identity, range(count), chunk_size=1), n)


def pebble(n: int) -> float:
    from pebble import ProcessPool

    with ProcessPool(max_workers=WORKERS, context=fork) as pool:
        return timed(lambda count: list(pool.map(identity, range(count), chunksize=1).result()), n)


ROWS = [
    Row(
        "pool-map",
        "pool.map, chunksize 1",
        "task",
        ours,
        (
            Peer("mp.Pool", mp, 6, 15),
            Peer("ProcessPoolExecutor", executor, 25, 60),
            Peer("loky", loky, requires="loky"),
            Peer("mpire", mpire, requires="mpire"),
            Peer("pebble", pebble, requires="pebble"),
        ),
        first=100,
    ),
    Row(
        "pool-imap-unordered",
        "pool.imap_unordered, chunksize 1",
        "task",
        partial(ours_unordered, range),
        (Peer("mp.Pool", partial(mp_unordered, range), 7), Peer("processing's map", ours)),
        first=100,
    ),
    Row(
        "pool-imap-generator",
        "the same, of a generator",
        "task",
        partial(ours_unordered, generated),
        (Peer("mp.Pool", partial(mp_unordered, generated), 7),),
        first=100,
    ),
]
