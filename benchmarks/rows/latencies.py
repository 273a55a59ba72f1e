"""How long the slowest call in a hundred takes: the 99th percentile, where the other rows have the mean."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from contextlib import ExitStack
from time import perf_counter
from typing import Any

from benchmarks.comparison import Peer, Row
from benchmarks.rows.ping_pong import echo

fork = multiprocessing.get_context("fork")
WORKERS = 2
WARM_UP = 10


def identity(number: int) -> int:
    return number


def percentile(call: Callable[[], object], n: int) -> float:
    """The 99th percentile of *n* calls, times *n*: as the sum of n that take as long."""
    for _ in range(WARM_UP):
        call()
    times = []
    for _ in range(n):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return sorted(times)[99 * (n - 1) // 100] * n


def of_calls(pool: Any, n: int) -> float:
    with pool:
        return percentile(lambda: pool.apply(identity, (1,)), n)


def of_round_trips(library: Any, n: int) -> float:
    requests, answers = library.Queue(), library.Queue()
    child = library.Process(target=echo, args=(requests, answers))
    child.start()
    with ExitStack() as stack:
        stack.callback(child.join)
        stack.callback(requests.put, None)
        return percentile(lambda: (requests.put(1), answers.get()), n)


def ours_calls(n: int) -> float:
    import processing

    return of_calls(processing.Pool(WORKERS), n)


def mp_calls(n: int) -> float:
    return of_calls(fork.Pool(WORKERS), n)


def ours_round_trips(n: int) -> float:
    import processing

    return of_round_trips(processing, n)


def mp_round_trips(n: int) -> float:
    return of_round_trips(fork, n)


ROWS = [
    Row(
        "ping-pong-p99",
        "queue ping-pong, 99th percentile",
        "round trip",
        ours_round_trips,
        (Peer("mp.Queue", mp_round_trips),),
        first=1000,
    ),
    Row("pool-apply-p99", "pool.apply, 99th percentile", "call", ours_calls, (Peer("mp.Pool", mp_calls),), first=1000),
]
