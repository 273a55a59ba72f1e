"""What it costs to look at a program: progress, a trace, snapshots; each beside the same without."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter, sleep
from typing import Any

from benchmarks.comparison import Peer, Row

WORKERS = 2


def identity(number: int) -> int:
    return number


def nap(number: int) -> int:
    sleep(0.001)
    return number


def timed(function: Callable[[int], int], n: int, **options: Any) -> float:
    import processing

    with processing.Pool(WORKERS) as pool:
        pool.map(function, range(100))
        start = perf_counter()
        pool.map(function, range(n), **options)
        return perf_counter() - start


def plain(n: int) -> float:
    return timed(identity, n)


def plain_alone(n: int) -> float:
    return timed(identity, n, chunksize=1)


def plain_naps(n: int) -> float:
    return timed(nap, n)


def progress(n: int) -> float:
    os.environ["PROCESSING_PROGRESS"] = "plain"
    try:
        return timed(identity, n, progress="benchmark")
    finally:
        del os.environ["PROCESSING_PROGRESS"]


@contextmanager
def traced() -> Iterator[None]:
    import processing

    with tempfile.TemporaryDirectory() as folder, processing.trace(os.path.join(folder, "trace.json")):
        yield


def trace_alone(n: int) -> float:
    with traced():
        return timed(identity, n, chunksize=1)


def trace_naps(n: int) -> float:
    with traced():
        return timed(nap, n)


def watched(n: int) -> float:
    """While a thread takes snapshots as often as it can."""
    from processing import introspection

    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.01):
            introspection.family()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        return plain_alone(n)
    finally:
        stop.set()
        thread.join()


ROWS = [
    Row("progress", "pool.map with progress", "task", progress, (Peer("without", plain),), first=1000),
    Row("trace", "pool.map, chunksize 1, traced", "task", trace_alone, (Peer("without", plain_alone),), first=100),
    Row("trace-1ms", "pool.map of 1 ms, traced", "task", trace_naps, (Peer("without", plain_naps),), first=100),
    Row("snapshots", "pool.map, chunksize 1, 100 looks/s", "task", watched, (Peer("without", plain_alone),), first=100),
]
