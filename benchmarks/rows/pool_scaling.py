"""The same tasks by 1, 2 and 8 workers, in batches whose size is left to the pool, and 10^3 to 10^6 of them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from functools import partial
from time import perf_counter

from benchmarks.comparison import Measure, Peer, Row

fork = multiprocessing.get_context("fork")


def identity(number: int) -> int:
    return number


def timed(mapped: Callable[[range], list[int]], n: int) -> float:
    mapped(range(100))
    start = perf_counter()
    results = mapped(range(n))
    taken = perf_counter() - start
    assert results[-1] == n - 1
    return taken


def ours(workers: int, chunksize: int | None, n: int) -> float:
    import processing

    with processing.Pool(workers) as pool:
        return timed(lambda items: pool.map(identity, items, chunksize), n)


def mp(workers: int, chunksize: int | None, n: int) -> float:
    with fork.Pool(workers) as pool:
        return timed(lambda items: pool.map(identity, items, chunksize), n)


def repeated(measure: Callable[[int], float], size: int) -> Measure:
    """Measure maps of *size* tasks each, as many as make up *n*."""

    def all_of_them(n: int) -> float:
        return sum(measure(size) for _ in range(max(1, n // size))) * n / (max(1, n // size) * size)

    return all_of_them


def row(name: str, what: str, mine: Measure, theirs: Measure, first: int) -> Row:
    return Row(name, what, "task", mine, (Peer("mp.Pool", theirs),), first=first)


ROWS = [
    *(row(f"pool-map-{w}", f"pool.map, {w} workers", partial(ours, w, 1), partial(mp, w, 1), 100) for w in (1, 2, 8)),
    *(
        row(
            f"pool-map-1e{k}",
            f"pool.map of 10^{k}",
            repeated(partial(ours, 2, None), 10**k),
            repeated(partial(mp, 2, None), 10**k),
            10**k,
        )
        for k in (3, 4, 5, 6)
    ),
]
