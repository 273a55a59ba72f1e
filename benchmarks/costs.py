"""Counts what one operation of a row costs: instructions by who executes them, system calls, and page faults.

python -m benchmarks.costs [ROW ...]

Everything runs on one processor, and twice, with few and with many operations; the difference counts, so starting and
ending cancel out.  Needs valgrind, strace and perf, and a C compiler for a valgrind that knows no pidfds.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.instructions import OPENS_PIDFD, CountError, callgrind_reports, one_processor
from benchmarks.interleave import ROOT
from benchmarks.pidfd import PidfdHelper
from benchmarks.rows import ROWS, subject_of

TIME_LIMIT = 200.0
SIZES = {"lock": 20000, "lock-with": 20000, "value": 20000, "queue-small": 20000, "queue-record": 20000}
SIZES |= {"ping-pong": 3000, "pool-map": 6000, "pool-apply": 300, "manager-call": 300}
SIZES |= {"queue-large": 60, "pool-arrays": 48, "start-join": 40, "start-join-pauses": 40, "import": 3}
"""The larger number of operations; the smaller is a third."""
PYTHON, KERNEL = re.compile(r"libpython|/bin/python"), re.compile(r"/_kernel\.")

Counts = Mapping[str, float]
Count = Callable[[Sequence[str]], Counts]


def main(names: list[str]) -> None:
    """Print a table, one line a row."""
    print("| row | instructions: kernel | interpreter | C library, others | system calls | page faults |")
    print("|---|---|---|---|---|---|")
    with ExitStack() as stack:
        helper = _helper(stack)
        variables = {**os.environ, "PYTHONHASHSEED": "0"}
        for name in names:
            subprocess.run(_command(name, 1), cwd=ROOT, check=True)  # compiles what has not been compiled yet
            cells = [
                _cell(name, lambda command: _instructions(command, {**variables, **helper}), "kernel", "python", "c")
            ]
            cells.append(_cell(name, lambda command: _system_calls(command, variables), "calls"))
            cells.append(_cell(name, lambda command: _page_faults(command, variables), "faults"))
            print(f"| `{name}` | {' | '.join(cells)} |", flush=True)


def _helper(stack: ExitStack) -> dict[str, str]:
    """The variables by which an old valgrind knows pidfds."""
    knows = subprocess.run(
        ["valgrind", "--tool=none", "-q", sys.executable, "-c", OPENS_PIDFD], capture_output=True, check=False
    )
    return {} if knows.returncode == 0 else stack.enter_context(PidfdHelper()).variables


def _cell(name: str, count: Count, *keys: str) -> str:
    many = SIZES.get(name, 30 * ROWS[name].first)
    few = many // 3
    try:
        less, more = (count(_command(name, n)) for n in (few, many))
    except CountError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return " | ".join("?" for _ in keys)
    return " | ".join(_shown((more.get(key, 0) - less.get(key, 0)) / (many - few)) for key in keys)


def _command(name: str, n: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.counted", subject_of(name), name, str(n)]


def _shown(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.2f}".rstrip("0").rstrip(".")


# -- instructions ----------------------------------------------------------------------------------


def _instructions(command: Sequence[str], variables: Mapping[str, str]) -> Counts:
    """By the object file that has them: the kernel, the interpreter, or others. Of processes that are killed: none."""
    _, reports = callgrind_reports(command, variables)
    counts = Counter[str]()
    for report in reports.values():
        for path, number in self_costs(report):
            counts["kernel" if KERNEL.search(path) else "python" if PYTHON.search(path) else "c"] += number
    return counts


def self_costs(report: str) -> Iterator[tuple[str, int]]:
    """The object file and the cost of each line of a report that callgrind wrote.

    After ``calls=`` comes what the called function cost, which that one counts itself.
    """
    names: dict[str, str] = {}
    path, skipped = "", False
    for line in report.splitlines():
        if line.startswith("ob="):
            number, _, name = line[3:].partition(" ")
            path = names.setdefault(number, name)
        elif line.startswith("cob="):
            number, _, name = line[4:].partition(" ")
            names.setdefault(number, name)
        elif line.startswith("calls="):
            skipped = True
        elif line[:1] in "0123456789+-*" and line:
            if not skipped:
                yield path, int(line.split()[-1])
            skipped = False


# -- the system ------------------------------------------------------------------------------------


def _system_calls(command: Sequence[str], variables: Mapping[str, str]) -> Counts:
    report = _reported(["strace", "-f", "-c", "-U", "name,calls", "-o"], command, variables)
    return {
        "calls": sum(int(calls) for name, calls in re.findall(r"^ *(\w+) +(\d+)$", report, re.M) if name != "total")
    }


def _page_faults(command: Sequence[str], variables: Mapping[str, str]) -> Counts:
    report = _reported(["perf", "stat", "-x", ",", "-e", "page-faults", "-o"], command, variables)
    found = re.search(r"^(\d+),.*page-faults", report, re.M)
    if found is None:
        raise CountError("perf counts no page faults here")
    return {"faults": int(found[1])}


def _reported(tool: list[str], command: Sequence[str], variables: Mapping[str, str]) -> str:
    with tempfile.TemporaryDirectory(prefix="costs-") as folder:
        report = Path(folder) / "report"
        line = [*one_processor(), *tool, str(report), *command]
        try:
            run = subprocess.run(
                line, env=dict(variables), cwd=ROOT, capture_output=True, text=True, timeout=TIME_LIMIT, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CountError(str(error)) from error
        if run.returncode or not report.exists():
            raise CountError(f"{tool[0]} failed: {run.stderr.strip()[-200:]}")
        return report.read_text()


if __name__ == "__main__":
    main(sys.argv[1:] or list(ROWS))
