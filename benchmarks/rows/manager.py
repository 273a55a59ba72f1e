"""A call to a managed list: to the server and back."""

from __future__ import annotations

import multiprocessing
from itertools import repeat
from time import perf_counter
from typing import Any

from benchmarks.comparison import Peer, Row

fork = multiprocessing.get_context("fork")


def calls(manager: Any, n: int) -> float:
    numbers = manager.list([1, 2, 3])
    assert numbers[1] == 2
    start = perf_counter()
    for _ in repeat(None, n):
        numbers[1]
    return perf_counter() - start


def ours(n: int) -> float:
    import processing

    with processing.Manager() as manager:
        return calls(manager, n)


def mp(n: int) -> float:
    with fork.Manager() as manager:
        return calls(manager, n)


ROWS = [Row("manager-call", "manager call", "call", ours, (Peer("mp.Manager", mp, 2, 8),), first=100)]
