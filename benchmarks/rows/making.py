"""Making a primitive and dropping it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from itertools import repeat
from time import perf_counter

from benchmarks.comparison import Peer, Row

fork = multiprocessing.get_context("fork")


def make(kind: Callable[[], object], n: int) -> float:
    kind()
    start = perf_counter()
    for _ in repeat(None, n):
        kind()
    return perf_counter() - start


def row(name: str) -> Row:
    def ours(n: int) -> float:
        import processing

        return make(getattr(processing, name), n)

    def mp(n: int) -> float:
        return make(getattr(fork, name), n)

    return Row(
        f"make-{name.lower()}", f"making and dropping {name}", "object", ours, (Peer(f"mp.{name}", mp, 10),), first=1000
    )


ROWS = [row(name) for name in ("Lock", "Event", "Semaphore")]
