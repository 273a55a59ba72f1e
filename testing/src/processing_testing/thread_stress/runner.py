"""Runs a part of the stress: the same body in several threads, until the time is up."""

from __future__ import annotations

import faulthandler
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

THREADS = 8
LAST_ROUND_TIMEOUT = 60.0  # seconds, for the round in which the time ends

Body = Callable[[int], object]
"""One round of a thread, which is given its number."""


@dataclass
class Work:
    """What the threads do, and what must hold when all have ended."""

    body: Body
    check: Callable[[int], object] = lambda rounds: None
    """Called with the number of all rounds; raises if an item was lost or received twice."""


Part = Callable[[], AbstractContextManager[Work]]


@dataclass
class Report:
    """The outcome of a part."""

    rounds: int = 0
    errors: list[BaseException] = field(default_factory=list)
    hung: int = 0

    @property
    def failed(self) -> bool:
        return bool(self.errors or self.hung)


def run(part: Part, seconds: float, threads: int = THREADS) -> Report:
    """Run a part; threads that do not end within `LAST_ROUND_TIMEOUT` are reported and left running."""
    report = Report()
    with part() as work:
        done = [0] * threads
        gate = threading.Barrier(threads)
        end = time.monotonic() + seconds
        started = [
            threading.Thread(target=_rounds, args=(work.body, i, gate, end, done, report), daemon=True)
            for i in range(threads)
        ]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join(max(0.1, end + LAST_ROUND_TIMEOUT - time.monotonic()))
        report.rounds = sum(done)
        report.hung = sum(thread.is_alive() for thread in started)
        if report.hung:
            faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
        elif not report.errors:
            try:
                work.check(report.rounds)
            except Exception as error:
                report.errors.append(error)
    return report


def _rounds(body: Body, i: int, gate: threading.Barrier, end: float, done: list[int], report: Report) -> None:
    try:
        gate.wait(LAST_ROUND_TIMEOUT)
        while time.monotonic() < end and not report.errors:
            body(i)
            done[i] += 1
    except BaseException as error:
        report.errors.append(error)


def shares(seconds: float, parts: int, longest: float = 5.0) -> Iterator[float]:
    """How long each part takes in each pass over all parts; about *longest*, if there is time for several passes."""
    passes = max(1, round(seconds / (parts * longest)))
    for _ in range(passes):
        yield seconds / passes / parts
