"""Acquiring and releasing a lock: alone, and against another process that does the same."""

from __future__ import annotations

import multiprocessing
from itertools import repeat
from time import perf_counter
from typing import Any

from benchmarks.comparison import Peer, Row

fork = multiprocessing.get_context("fork")


def turns(lock: Any, n: int) -> tuple[float, float]:
    """When *n* turns began and ended; the clock is the same in all processes."""
    start = perf_counter()
    for _ in repeat(None, n):
        lock.acquire()
        lock.release()
    return start, perf_counter()


def blocks(lock: Any, n: int) -> float:
    start = perf_counter()
    for _ in repeat(None, n):
        with lock:
            pass
    return perf_counter() - start


def compete(lock: Any, ready: Any, times: Any, n: int) -> None:
    with lock:
        pass
    ready.release()
    times.put(turns(lock, n))


def alone(lock: Any, n: int) -> float:
    start, end = turns(lock, n)
    return end - start


def contended(library: Any, n: int) -> float:
    lock, ready, times = library.Lock(), library.Semaphore(0), library.Queue()
    half = max(1, n // 2)
    rival = library.Process(target=compete, args=(lock, ready, times, half))
    rival.start()
    ready.acquire()
    spans: list[tuple[float, float]] = [turns(lock, half), times.get()]
    rival.join()
    return (max(end for _, end in spans) - min(start for start, _ in spans)) * n / (2 * half)


def ours_alone(n: int) -> float:
    import processing

    return alone(processing.Lock(), n)


def ours_blocks(n: int) -> float:
    import processing

    return blocks(processing.Lock(), n)


def ours_contended(n: int) -> float:
    import processing

    return contended(processing, n)


def mp_alone(n: int) -> float:
    return alone(fork.Lock(), n)


def mp_blocks(n: int) -> float:
    return blocks(fork.Lock(), n)


def mp_contended(n: int) -> float:
    return contended(fork, n)


ROWS = [
    Row("lock", "lock acquire+release", "turn", ours_alone, (Peer("mp.Lock", mp_alone, 1.3, 2),), first=1000),
    Row("lock-with", "with lock", "turn", ours_blocks, (Peer("mp.Lock", mp_blocks),), first=1000),
    Row(
        "lock-contended",
        "lock, contended by two",
        "turn",
        ours_contended,
        (Peer("mp.Lock", mp_contended, 1, 2),),
        first=1000,
    ),
]
