"""Runs the sides of a row in turn (A B C, B C A, ...), each measurement in a fresh interpreter."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.comparison import OURS, Row

ABSENT = "absent"
TIME_LIMIT = 120.0
"""Seconds that one measurement may take."""


@dataclass
class Outcome:
    """What was measured of one side."""

    side: str
    seconds: list[float] = field(default_factory=list)
    """For one operation, a number each round."""
    operations: list[int] = field(default_factory=list)
    problem: str | None = None
    """Why there is no figure."""

    @property
    def median(self) -> float | None:
        return statistics.median(self.seconds) if self.seconds and self.problem is None else None


def interleave(row: Row, rounds: int, goal: float) -> dict[str, Outcome]:
    """Measure every side of *row*, *rounds* times, each time for at least *goal* seconds."""
    outcomes = {OURS: Outcome(OURS)}
    for peer in row.peers:
        outcomes[peer.name] = Outcome(peer.name, problem=None if peer.installed else ABSENT)
    for number in range(rounds):
        for outcome in _rotated(list(outcomes.values()), number):
            if outcome.problem is None:
                _measure(row, outcome, goal)
    return outcomes


def _rotated(outcomes: list[Outcome], number: int) -> Iterator[Outcome]:
    start = number % len(outcomes)
    yield from outcomes[start:] + outcomes[:start]


def _measure(row: Row, outcome: Outcome, goal: float) -> None:
    command = [sys.executable, "-m", "benchmarks", "--measure", row.name, outcome.side, repr(goal)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT, check=False, env=_variables())
    except subprocess.TimeoutExpired:
        outcome.problem = f"took longer than {TIME_LIMIT:g} s"
        return
    if run.returncode:
        outcome.problem = (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]
        return
    measured = json.loads(run.stdout.splitlines()[-1])
    outcome.operations.append(measured["operations"])
    outcome.seconds.append(measured["seconds"])


def _variables() -> dict[str, str]:
    # Installed packages have bytecode; without it a checkout would be compiled in every process that is started.
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
