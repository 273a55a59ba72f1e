"""A pool whose workers are killed all the time: every task has its right outcome, and no task is begun twice."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import processing_core
from processing_core import BaseContext
from processing_pool import MaybeEncodingError, NotUnpicklableError, Pool, WorkerDied
from processing_testing.children import pooling, tasks

WORKERS = 4
INTERVAL = 0.05
LIMIT = 300
"""Seconds until a result counts as lost: all that was submitted before it comes first."""
ERRORS: dict[str, type[Exception]] = {
    "raise": ValueError,
    "no result": MaybeEncodingError,
    "no load": NotUnpicklableError,
    "no exception": MaybeEncodingError,
}


class Killer:
    """Kills random workers, at most a given number of times and for a given time.

    On a busy machine a worker may need more time to start than passes until it is killed: then few tasks are done.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self.kills = 0
        self._most = most
        self._seconds = seconds
        self._over = threading.Event()
        self._dice = random.Random(1)

    def _run(self) -> None:
        end = time.monotonic() + self._seconds
        while self.kills < self._most and time.monotonic() < end and not self._over.wait(INTERVAL):
            children = processing_core.active_children()
            if children:
                self._dice.choice(children).kill()
                self.kills += 1

    @contextmanager
    def at_work(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()


def outcome(function: Callable[[], object]) -> object:
    """What a function returns or raises."""
    try:
        return function()
    except Exception as error:
        return error


def is_right(number: int, found: object) -> bool:
    """Whether a task of this number may have this outcome."""
    if isinstance(found, WorkerDied):
        return found.pid is not None and found.exitcode == -9
    kind = pooling.KINDS[number % len(pooling.KINDS)]
    if kind in ERRORS:
        return type(found) is ERRORS[kind]
    return found == (bytes([number % 256]) * 20_000 if kind == "large" else number)


def run_all(pool: Pool, work: Callable[[int], Any], numbers: range) -> Iterator[tuple[int, object]]:
    """The outcomes of tasks by every way to give them to a pool, a fifth each."""
    shares = [numbers[i::5] for i in range(5)]
    calls = [(i, pool.apply_async(work, (i,))) for i in shares[0]]
    futures = [(i, pool.submit(work, i)) for i in shares[1]]
    stream = pool.imap(work, iter(shares[2]), 3)
    mapped = pool.map_async(work, shares[3], return_exceptions=True)
    yield from ((i, outcome(lambda: stream.next(LIMIT))) for i in shares[2])
    yield from ((i, outcome(lambda call=call: call.get(LIMIT))) for i, call in calls)
    yield from ((i, outcome(lambda future=future: future.result(LIMIT))) for i, future in futures)
    yield from zip(shares[3], mapped.get(LIMIT), strict=True)
    yield from ((i, outcome(lambda i=i: pool.apply(work, (i,)))) for i in shares[4])


@pytest.mark.attack
@pytest.mark.watchdog(900)
def test_chaos(context: BaseContext, rounds: Callable[[int, int], int], tmp_path: Path) -> None:
    n, seconds = rounds(1000, 20_000), rounds(0, 60)
    killer, done, outcomes = Killer(rounds(15, 1_000_000), rounds(30, 60)), 0, []
    with Pool(WORKERS, context=context) as pool:
        pool.map(tasks.square, range(10))
        begin = time.monotonic()
        with killer.at_work():
            while not done or time.monotonic() - begin < seconds:
                path = str(tmp_path / f"record-{done}")
                outcomes = list(run_all(pool, partial(pooling.chaotic, path), range(n)))
                assert [(i, found) for i, found in outcomes if not is_right(i, found)] == []
                assert sorted(i for i, _ in outcomes) == list(range(n))
                begun = [int(line) for line in pooling.recorded(path)]
                assert len(begun) == len(set(begun))
                finished = {i for i, found in outcomes if not isinstance(found, WorkerDied)}
                assert finished <= set(begun)
                done += 1
        assert pool.map(tasks.square, range(1000), 1) == [i * i for i in range(1000)]
        deadline = time.monotonic() + 30
        while len(processing_core.active_children()) < WORKERS:
            assert time.monotonic() < deadline
            time.sleep(0.001)  # there is no event for the start of a worker
    died = sum(isinstance(found, WorkerDied) for _, found in outcomes)
    print(f"{done * n:,} tasks, {killer.kills} kills, {died} tasks of the last {n:,} died with their workers")
    assert killer.kills > 0
