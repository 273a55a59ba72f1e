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


def compete(lock: Any, ready: Any, go: Any, times: Any, n: int) -> None:
    with lock:
        pass
    ready.release()
    go.wait()
    times.put(turns(lock, n))


def alone(lock: Any, n: int) -> float:
    start, end = turns(lock, n)
    return end - start


def contended(library: Any, n: int, processes: int = 2) -> float:
    lock, ready, go, times = library.Lock(), library.Semaphore(0), library.Event(), library.Queue()
    share = max(1, n // processes)
    rivals = [library.Process(target=compete, args=(lock, ready, go, times, share)) for _ in range(processes - 1)]
    for rival in rivals:
        rival.start()
    for _ in rivals:
        ready.acquire()
    go.set()
    spans: list[tuple[float, float]] = [turns(lock, share), *(times.get() for _ in rivals)]
    for rival in rivals:
        rival.join()
    return (max(end for _, end in spans) - min(start for start, _ in spans)) * n / (processes * share)


def ours_alone(n: int) -> float:
    import processing

    return alone(processing.Lock(), n)


def ours_blocks(n: int) -> float:
    import processing

    return blocks(processing.Lock(), n)


def ours_contended(n: int) -> float:
    import processing

    return contended(processing, n)


def ours_crowded(n: int) -> float:
    import processing

    return contended(processing, n, 8)


def mp_crowded(n: int) -> float:
    return contended(fork, n, 8)


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
    Row(
        "lock-crowded",
        "lock, contended by eight",
        "turn",
        ours_crowded,
        (Peer("mp.Lock", mp_crowded, 1, 2),),
        first=1000,
    ),
]
