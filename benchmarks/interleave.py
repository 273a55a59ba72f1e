"""Runs the sides of a row in turn (A B C, B C A, ...), each measurement in a fresh interpreter."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.comparison import OURS, Row

ROOT = Path(__file__).parent.parent
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
        for outcome in rotated(list(outcomes.values()), number):
            if outcome.problem is None:
                measure(row, outcome.side, outcome, goal)
    return outcomes


def rotated(outcomes: list[Outcome], number: int) -> Iterator[Outcome]:
    """The order of a round: another side begins in each."""
    start = number % len(outcomes)
    yield from outcomes[start:] + outcomes[:start]


def measure(row: Row, side: str, outcome: Outcome, goal: float, packages: Path | None = None) -> None:
    """Measure a side of *row* once, in a fresh interpreter, and store it in *outcome*.

    :param goal: seconds that it must take at least.
    :param packages: the folder of the packages to measure; by default those that are installed.
    """
    environment = variables(packages)
    command = [sys.executable, "-m", "benchmarks", "--measure", row.name, side, repr(goal)]
    try:
        run = subprocess.run(
            command, capture_output=True, text=True, timeout=TIME_LIMIT, check=False, env=environment, cwd=ROOT
        )
    except subprocess.TimeoutExpired:
        outcome.problem = f"took longer than {TIME_LIMIT:g} s"
        return
    if run.returncode:
        outcome.problem = (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]
        return
    measured = json.loads(run.stdout.splitlines()[-1])
    if packages is not None and not os.path.samefile(packages, measured["packages"] or os.devnull):
        outcome.problem = f"measured the packages in {measured['packages']} instead of those in {packages}"
        return
    outcome.operations.append(measured["operations"])
    outcome.seconds.append(measured["seconds"])


def variables(packages: Path | None = None) -> dict[str, str]:
    """The environment of a measurement, in which `processing` is what is in the folder *packages*."""
    # Installed packages have bytecode; without it a checkout would be compiled in every process that is started.
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return usual if packages is None else {**usual, "PYTHONPATH": str(packages)}
