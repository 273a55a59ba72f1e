"""Incrementing a shared integer under its lock."""

from __future__ import annotations

import multiprocessing
from itertools import repeat
from time import perf_counter
from typing import Any

from benchmarks.comparison import Peer, Row

fork = multiprocessing.get_context("fork")


def increment(value: Any, n: int) -> float:
    start = perf_counter()
    for _ in repeat(None, n):
        with value.get_lock():
            value.value += 1
    taken = perf_counter() - start
    assert value.value == n
    return taken


def ours(n: int) -> float:
    import processing

    return increment(processing.Value("q", 0), n)


def mp(n: int) -> float:
    return increment(fork.Value("q", 0), n)


ROWS = [Row("value", "locked Value increment", "increment", ours, (Peer("mp.Value", mp, 3, 10),), first=1000)]
