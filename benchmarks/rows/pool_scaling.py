"""The same tasks by 1, 2 and 8 workers, in batches whose size is left to the pool, and 10^3 to 10^6 of them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from time import perf_counter
from typing import Any

from benchmarks.comparison import Peer, Row

fork = multiprocessing.get_context("fork")


def identity(number: int) -> int:
    return number


Mapped = Callable[[range], list[int]]
Pools = Callable[[], AbstractContextManager[Any]]


def ours(workers: int) -> AbstractContextManager[Any]:
    import processing

    return processing.Pool(workers)


def timed(mapped: Mapped, n: int) -> float:
    start = perf_counter()
    results = mapped(range(n))
    taken = perf_counter() - start
    assert results[-1] == n - 1
    return taken


def one_map(pool_of: Pools, n: int) -> float:
    """A map of *n* tasks, each by itself."""
    with pool_of() as pool:
        pool.map(identity, range(100), 1)
        return timed(lambda items: pool.map(identity, items, 1), n)


def maps_of(size: int, pool_of: Pools, n: int) -> float:
    """Maps of *size* tasks each on one pool, as many as make up *n*."""
    times = max(1, n // size)
    with pool_of() as pool:
        pool.map(identity, range(100))
        return sum(timed(lambda items: pool.map(identity, items), size) for _ in range(times)) * n / (times * size)


def row(name: str, what: str, measure: Callable[[Pools, int], float], workers: int, first: int) -> Row:
    theirs = Peer("mp.Pool", partial(measure, partial(fork.Pool, workers)))
    return Row(name, what, "task", partial(measure, partial(ours, workers)), (theirs,), first=first)


ROWS = [
    *(row(f"pool-map-{w}", f"pool.map, {w} workers", one_map, w, 100) for w in (1, 2, 8)),
    *(row(f"pool-map-1e{k}", f"pool.map of 10^{k}", partial(maps_of, 10**k), 2, 10**k) for k in (3, 4, 5, 6)),
]
