"""A call to a managed list: to the server and back, by one client, and by many at once."""

from __future__ import annotations

import multiprocessing
from itertools import repeat
from time import perf_counter
from typing import Any

from benchmarks.comparison import Peer, Row

CLIENTS = 8

fork = multiprocessing.get_context("fork")


def calls(numbers: Any, n: int) -> float:
    assert numbers[1] == 2
    start = perf_counter()
    for _ in repeat(None, n):
        numbers[1]
    return perf_counter() - start


def ours(n: int) -> float:
    import processing

    with processing.Manager() as manager:
        return calls(manager.list([1, 2, 3]), n)


def mp(n: int) -> float:
    with fork.Manager() as manager:
        return calls(manager.list([1, 2, 3]), n)


def client(numbers: Any, barrier: Any, n: int) -> None:
    assert numbers[1] == 2
    barrier.wait()
    for _ in repeat(None, n // CLIENTS):
        numbers[1]
    barrier.wait()


def crowd(module: Any, n: int) -> float:
    """From the moment when all clients are connected until the last has made its calls."""
    barrier = module.Barrier(CLIENTS + 1)
    with module.Manager() as manager:
        numbers = manager.list([1, 2, 3])
        clients = [module.Process(target=client, args=(numbers, barrier, n)) for _ in range(CLIENTS)]
        for process in clients:
            process.start()
        barrier.wait()
        start = perf_counter()
        barrier.wait()
        took = perf_counter() - start
        for process in clients:
            process.join()
        return took


def ours_crowded(n: int) -> float:
    import processing

    return crowd(processing, n)


def mp_crowded(n: int) -> float:
    return crowd(fork, n)


ROWS = [
    Row("manager-call", "manager call", "call", ours, (Peer("mp.Manager", mp, 2, 8),), first=100),
    Row(
        "manager-crowd",
        "manager call, 8 clients at once",
        "call",
        ours_crowded,
        (Peer("mp.Manager", mp_crowded),),
        first=800,
    ),
]
