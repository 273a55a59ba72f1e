"""The memory that a worker of a pool has of its own while it waits for tasks."""

from __future__ import annotations

import multiprocessing
import re
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.comparison import Measure, Peer, Row


def process_id(_: object) -> int:
    from os import getpid

    return getpid()


def private_bytes(pid: int) -> int:
    """Resident bytes that no other process shares; Linux tells them."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * sum(int(kib) for kib in re.findall(r"^Private_(?:Clean|Dirty): +(\d+) kB$", rollup, re.M))


def idle(pool: Any, n: int) -> float:
    """Bytes of *n* workers, each of which has run a task."""
    with pool:
        pids: set[int] = set()
        while len(pids) < n:
            pids.update(pool.map(process_id, range(8 * n), chunksize=1))
        return float(sum(map(private_bytes, pids)))


def ours(method: str, n: int) -> float:
    import processing

    return idle(processing.get_context(method).Pool(n), n)


def mp(method: str, n: int) -> float:
    return idle(multiprocessing.get_context(method).Pool(n), n)


def row(name: str, what: str, mine: Measure, theirs: Measure, method: str) -> Row:
    return Row(name, what, "worker", mine, (Peer(f"mp.Pool, {method}", theirs),), first=4, measures="bytes")


ROWS = [
    row(
        f"worker-memory-{method}",
        f"memory of an idle worker, {method}",
        partial(ours, method),
        partial(mp, method),
        method,
    )
    for method in ("fork", "forkserver")
]
