"""Incrementing a shared integer: under its lock, and at once."""

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


def ours_at_once(n: int) -> float:
    import processing

    value = processing.Value("q", 0)
    add = value.add
    start = perf_counter()
    for _ in repeat(None, n):
        add(1)
    taken = perf_counter() - start
    assert value.value == n
    return taken


ROWS = [
    Row("value", "locked Value increment", "increment", ours, (Peer("mp.Value", mp, 3, 10),), first=1000),
    Row(
        "value-add",
        "Value.add(1), against a locked increment",
        "increment",
        ours_at_once,
        (Peer("mp.Value", mp, 20),),
        first=1000,
    ),
]
