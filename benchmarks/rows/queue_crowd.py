"""Eight processes for each processor share one queue; and a backlog grows a thousandfold."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

from benchmarks.comparison import Peer, Row
from benchmarks.rows.queue_stream import fork

CROWD = 4 * len(os.sched_getaffinity(0))
"""Producers, and as many consumers."""


def put_some(queue: Any, n: int, ready: Any, go: Any) -> None:
    ready.put(None)
    go.get()
    for i in range(n):
        queue.put(i)


def get_some(queue: Any, n: int, ready: Any) -> None:
    ready.put(None)
    for _ in range(n):
        queue.get()
    ready.put(None)


def crowd(process: Any, make: Callable[[], Any], n: int) -> float:
    """Seconds for n items by all of them together, once all are there."""
    each = -(-n // CROWD)
    queue, ready, go = make(), make(), make()
    members = [process(target=get_some, args=(queue, each, ready)) for _ in range(CROWD)]
    members += [process(target=put_some, args=(queue, each, ready, go)) for _ in range(CROWD)]
    for member in members:
        member.start()
    for _ in members:
        ready.get()
    start = perf_counter()
    for _ in range(CROWD):
        go.put(None)
    for _ in range(CROWD):
        ready.get()
    taken = perf_counter() - start
    for member in members:
        member.join()
    return taken * n / (each * CROWD)


def ours(n: int) -> float:
    import processing

    return crowd(processing.Process, processing.Queue, n)


def mp(n: int) -> float:
    return crowd(fork.Process, fork.Queue, n)


def backlog(longest: int, n: int) -> float:
    """Seconds for n items that are put and then got, a number at a time."""
    import processing

    queue: processing.Queue[int] = processing.Queue()
    start = perf_counter()
    for begin in range(0, n, longest):
        some = min(longest, n - begin)
        for i in range(some):
            queue.put(i)
        for _ in range(some):
            queue.get()
    return perf_counter() - start


ROWS = [
    Row(
        "queue-crowd",
        f"queue, {2 * CROWD} processes",
        "item",
        ours,
        (Peer("mp.Queue", mp, 1, None),),
        first=CROWD * 100,
    ),
    Row(
        "queue-backlog",
        "queue, a backlog of a million",
        "item",
        partial(backlog, 1_000_000),
        (Peer("processing, of a thousand", partial(backlog, 1000), None, None),),
        first=1_000_000,
    ),
]
