"""Today's packages against those of a git revision: which rows have become slower?

Three installations take turns: today's, the revision's, and the revision's once more. All run the benchmarks as they
are today. The difference between the last two is the noise of the run; see `judgement`.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import instructions, report
from benchmarks.builds import build_revision, build_working_tree, resolve
from benchmarks.comparison import OURS, Row
from benchmarks.instructions import Counter, CountError
from benchmarks.interleave import ABSENT, Outcome, measure, rotated, variables
from benchmarks.judgement import SLOWER, Comparison, compare, compare_counts, verdict
from benchmarks.rows import subject_of

TODAY, THEN, AGAIN = SIDES = ("today", "revision", "revision again")
ROUNDS, QUICK_ROUNDS = 9, 3
"""Each side has each place in a round equally often. A row that looks slower is measured for as many rounds again."""
LACKING = ("AttributeError", "ImportError", "ModuleNotFoundError")
"""The errors of a revision that lacks what a row uses."""
COUNTED = 0.03
"""Seconds that the counted operations take by the clock, beside the first ones."""
HEADINGS = ["", "today", "then", "ratio", "spread", "instructions", ""]


@dataclass(frozen=True)
class Plan:
    """What to measure, and how.

    :param rounds: how often each side is measured.
    :param goal: seconds for a measurement.
    :param limit: the share by which a row may become slower.
    """

    rows: Sequence[Row]
    rounds: int
    goal: float
    limit: float


@dataclass(frozen=True)
class Builds:
    """Where each side's packages are installed."""

    commit: str
    folders: dict[str, Path]


@dataclass
class Judged:
    """The outcome of a row."""

    row: Row
    outcomes: dict[str, Outcome]
    times: Comparison | None = None
    counts: Comparison | None = None
    per_operation: dict[str, float] = field(default_factory=dict)
    """Instructions, by side."""
    count_problem: str | None = None
    verdict: str = ""


@contextmanager
def built(revision: str) -> Iterator[Builds]:
    """Build the working tree and *revision*, for as long as the context lasts.

    :raises BuildError: if there is no such revision, or if something cannot be built.
    """
    commit = resolve(revision)
    with tempfile.TemporaryDirectory(prefix="processing-against-") as place:
        # Names of equal length: the length of a path shifts the addresses of what follows it in memory.
        folders = {side: Path(place) / name for side, name in zip(SIDES, "abc", strict=True)}
        for name in ("today", "then"):
            (Path(place) / name).mkdir()
        print(f"building the working tree and {commit[:12]} ...", file=sys.stderr, flush=True)
        build_working_tree(Path(place) / "today", [folders[TODAY]])
        build_revision(commit, Path(place) / "then", [folders[THEN], folders[AGAIN]])
        yield Builds(commit, folders)


def run(plan: Plan, builds: Builds, file: Path, markdown: bool = False) -> bool:
    """Measure, judge, print the table, and write *file*.

    :return: whether a row is slower, or could not be measured with today's packages.
    """
    judged: list[Judged] = []
    with instructions.counter() as count:
        for row in plan.rows:
            print(f"{row.name} ...", file=sys.stderr, flush=True)
            judged.append(_judge(row, plan, builds, count))
            _write(file, plan, builds, judged)
    print(json.dumps(report.machine()))
    print(report.table(map(_line, judged), markdown, HEADINGS))
    for one in judged:
        for problem in report.problems(one.row, one.outcomes):
            print(problem)
        if one.count_problem:
            print(f"{one.row.name}: its instructions could not be counted: {one.count_problem}")
    if count is None:
        print("No instruction can be counted here (neither perf nor valgrind can), so times alone decide.")
    print(f"Slower is what loses more than {plan.limit:.1%} and more than its spread; every sample is in {file}.")
    return any(one.verdict == SLOWER or one.outcomes[TODAY].problem is not None for one in judged)


def _judge(row: Row, plan: Plan, builds: Builds, count: Counter | None) -> Judged:
    judged = Judged(row, {side: Outcome(side) for side in SIDES})
    _measure_rounds(judged, plan, builds)
    times = _times(judged)
    if times is not None and times.ratio > 1 + max(plan.limit, times.spread):
        _measure_rounds(judged, plan, builds)  # so that one disturbance of the machine does not count
        times = _times(judged)
    judged.times = times
    if times is None:
        judged.verdict = ABSENT if judged.outcomes[THEN].problem == ABSENT else "failed"
        return judged
    if count is not None and times.undecided(plan.limit):
        try:
            judged.per_operation = _count(judged, builds, count)
            judged.counts = compare_counts(*(judged.per_operation[side] for side in SIDES))
        except CountError as error:
            judged.count_problem = str(error)
    judged.verdict = verdict(times, judged.counts, plan.limit)
    return judged


def _measure_rounds(judged: Judged, plan: Plan, builds: Builds) -> None:
    for number in range(plan.rounds):
        for outcome in rotated(list(judged.outcomes.values()), number):
            if any(other.problem is not None for other in judged.outcomes.values()):
                return  # nothing can be compared
            measure(judged.row, OURS, outcome, plan.goal, builds.folders[outcome.side])
            if outcome.side != TODAY and (outcome.problem or "").startswith(LACKING):
                for other in (THEN, AGAIN):
                    judged.outcomes[other].problem = ABSENT


def _times(judged: Judged) -> Comparison | None:
    if any(outcome.problem is not None for outcome in judged.outcomes.values()):
        return None
    return compare(*(judged.outcomes[side].seconds for side in SIDES))


def _count(judged: Judged, builds: Builds, count: Counter) -> dict[str, float]:
    row, median = judged.row, judged.outcomes[TODAY].median
    assert median is not None
    sizes = (row.first, row.first + max(row.first, math.ceil(COUNTED / median)))

    def command(n: int) -> list[str]:
        return [sys.executable, "-m", "benchmarks.counted", subject_of(row.name), row.name, str(n)]

    return {side: instructions.per_operation(count, command, variables(builds.folders[side]), sizes) for side in SIDES}


def _line(judged: Judged) -> list[str]:
    times, counts = judged.times, judged.counts
    counted = f"{counts.ratio:.3f}x" if counts else "noisy" if judged.per_operation else ""
    return [
        judged.row.what,
        report.shown(judged.outcomes[TODAY], judged.row),
        report.shown(judged.outcomes[THEN], judged.row),
        "" if times is None else f"{times.ratio:.3f}x",
        "" if times is None else f"{times.spread:.1%}",
        counted,
        judged.verdict,
    ]


def _write(file: Path, plan: Plan, builds: Builds, judged: list[Judged]) -> None:
    whole = {
        "machine": report.machine(),
        "against": builds.commit,
        "limit": plan.limit,
        "rows": [_record(one) for one in judged],
    }
    file.write_text(json.dumps(whole, indent=1) + "\n")


def _record(judged: Judged) -> dict[str, Any]:
    return {
        "row": judged.row.name,
        "what": judged.row.what,
        "unit": judged.row.unit,
        "sides": {side: report.side(outcome) for side, outcome in judged.outcomes.items()},
        "ratio": judged.times and judged.times.ratio,
        "spread": judged.times and judged.times.spread,
        "instructions": judged.per_operation,
        "instructions_ratio": judged.counts and judged.counts.ratio,
        "instructions_spread": judged.counts and judged.counts.spread,
        "instructions_problem": judged.count_problem,
        "verdict": judged.verdict,
    }
