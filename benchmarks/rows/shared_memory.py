"""Memory that processes share: an array of 8 MiB for a worker to sum, and named memory made, filled and unlinked."""

from __future__ import annotations

import multiprocessing
import multiprocessing.shared_memory
from time import perf_counter
from typing import Any

from benchmarks.comparison import Peer, Row

fork = multiprocessing.get_context("fork")
ELEMENTS = 1 << 20
"""Of 8 bytes each."""
BYTES = 1 << 16


def total(array: Any) -> float:
    import numpy

    return float(numpy.asarray(array).sum())


def summed(pool: Any, array: Any, n: int) -> float:
    pool.apply(total, (array,))
    start = perf_counter()
    for _ in range(n):
        assert pool.apply(total, (array,)) == ELEMENTS
    return perf_counter() - start


def ours(n: int) -> float:
    import numpy

    import processing

    with processing.Pool(1) as pool:
        return summed(pool, processing.SharedArray.from_array(numpy.ones(ELEMENTS)), n)


def mp(n: int) -> float:
    import numpy

    with fork.Pool(1) as pool:
        return summed(pool, numpy.ones(ELEMENTS), n)


def cycle(make: Any, n: int) -> float:
    first = make(create=True, size=BYTES)  # the first may start a helper process
    items = bytes(BYTES)
    start = perf_counter()
    for _ in range(n):
        memory = make(create=True, size=BYTES)
        memory.buf[:] = items
        memory.close()
        memory.unlink()
    taken = perf_counter() - start
    first.close()
    first.unlink()
    return taken


def ours_named(n: int) -> float:
    from processing.shared_memory import SharedMemory

    return cycle(SharedMemory, n)


def mp_named(n: int) -> float:
    return cycle(multiprocessing.shared_memory.SharedMemory, n)


ROWS = [
    Row("shared-array", "pool.apply on a shared array of 8 MiB", "call", ours, (Peer("mp.Pool, pickled", mp, 5),), 10),
    Row("named-memory", "SharedMemory of 64 KiB", "cycle", ours_named, (Peer("mp.SharedMemory", mp_named),), 100),
]
