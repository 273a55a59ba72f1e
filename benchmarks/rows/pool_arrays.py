"""Arrays of 8 MiB, there and back through two workers: on fresh memory, and on memory that was used before."""

from __future__ import annotations

import multiprocessing
from time import perf_counter
from typing import Any

from benchmarks.comparison import Peer, Row

fork = multiprocessing.get_context("fork")
WORKERS = 2
ELEMENTS = 1 << 20
"""Of 8 bytes each."""
AT_ONCE = 8
WARM_UP = 4 * AT_ONCE
"""After this number all memory is allocated: for arguments, results, and the results of the previous map."""


def negative(array: Any) -> Any:
    return -array


def mapped(pool: Any, n: int, warm_up: int) -> float:
    import numpy

    arrays = [numpy.arange(ELEMENTS, dtype="f8") for _ in range(min(n, AT_ONCE))]
    map_each(pool, arrays, warm_up)
    start = perf_counter()
    map_each(pool, arrays, n)
    return perf_counter() - start


def map_each(pool: Any, arrays: list[Any], n: int) -> None:
    for begin in range(0, n, len(arrays)):
        results = pool.map(negative, arrays[: n - begin], chunksize=1)
        assert results[-1][-1] == 1 - ELEMENTS


def ours(n: int) -> float:
    import processing

    with processing.Pool(WORKERS) as pool:
        return mapped(pool, n, WARM_UP)


def ours_cold(n: int) -> float:
    import processing

    with processing.Pool(WORKERS) as pool:
        return mapped(pool, n, 0)


def mp(n: int) -> float:
    with fork.Pool(WORKERS) as pool:
        return mapped(pool, n, WARM_UP)


ROWS = [
    Row(
        "pool-arrays",
        "pool.map of 8 MiB arrays, warm",
        "array",
        ours,
        (Peer("mp.Pool", mp, 5, 20), Peer("processing, cold", ours_cold)),
        first=8,
    )
]
