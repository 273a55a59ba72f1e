"""Counts the user instructions of a program and of all its children: by perf, or by callgrind where perf cannot."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.interleave import ROOT
from benchmarks.pidfd import PidfdHelper

TIME_LIMIT = 100.0
"""Seconds that one count may take; callgrind slows a program down by fifty times."""
OPENS_PIDFD = "import os; os.close(os.pidfd_open(os.getpid()))"

Counter = Callable[[Sequence[str], Mapping[str, str]], int]
"""Given a command and its environment: the instructions.

It raises `CountError` if there is no number.
"""


class CountError(Exception):
    """A program's instructions could not be counted; the text says why."""


@contextmanager
def counter() -> Iterator[Counter | None]:
    """What can count on this machine, or `None`."""
    if _perf_counts():
        yield _by_perf
    elif shutil.which("valgrind") is None:
        yield None
    elif subprocess.run(
        ["valgrind", "--tool=none", "-q", sys.executable, "-c", OPENS_PIDFD], capture_output=True
    ).returncode:
        try:
            helper = PidfdHelper()
        except (OSError, subprocess.CalledProcessError):
            yield None  # without a compiler, processes cannot be started under such an old valgrind
            return
        with helper:
            yield lambda command, variables: _by_callgrind(command, {**variables, **helper.variables})
    else:
        yield _by_callgrind


def per_operation(
    count: Counter, command: Callable[[int], Sequence[str]], variables: Mapping[str, str], sizes: tuple[int, int]
) -> float:
    """Instructions for one operation: the difference between two sizes, in which starting and ending cancel out.

    :param command: runs as many operations as it is given.
    """
    few, many = sizes
    # With random hashes of strings, the order in dictionaries would differ between runs.
    fixed = {**variables, "PYTHONHASHSEED": "0"}
    return (count(command(many), fixed) - count(command(few), fixed)) / (many - few)


def one_processor() -> list[str]:
    """What to put before a command so that it runs on one processor, where no process spins while it waits."""
    if shutil.which("taskset") is None or not hasattr(os, "sched_getaffinity"):
        return []
    return ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))]


def _run(command: Sequence[str], variables: Mapping[str, str]) -> str:
    """:return: what *command* wrote to its standard error."""
    try:
        run = subprocess.run(
            command, env=dict(variables), cwd=ROOT, capture_output=True, text=True, timeout=TIME_LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CountError(str(error)) from error
    if run.returncode:
        raise CountError((run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1])
    return run.stderr


def _perf_counts() -> bool:
    try:
        return _by_perf(["true"], os.environ) > 0
    except CountError:
        return False


def _by_perf(command: Sequence[str], variables: Mapping[str, str]) -> int:
    with tempfile.TemporaryDirectory(prefix="perf-") as folder:
        report = Path(folder) / "report"
        stat = ["perf", "stat", "--field-separator", ",", "--event", "instructions:u", "--output", str(report)]
        _run([*one_processor(), *stat, "--", *command], variables)
        return parse_perf(report.read_text())


def parse_perf(report: str) -> int:
    """The count in the report that perf writes with commas.

    :raises CountError: if there is none, as in most virtual machines.
    """
    for line in report.splitlines():
        value, _, rest = line.partition(",")
        if "instructions" in rest and value.isdigit():
            return int(value)
    raise CountError("perf counts no instructions here")


def _by_callgrind(command: Sequence[str], variables: Mapping[str, str]) -> int:
    return parse_callgrind(*callgrind_reports(command, variables))


def callgrind_reports(command: Sequence[str], variables: Mapping[str, str]) -> tuple[set[int], dict[int, str]]:
    """The processes that a command has begun, and what callgrind writes of each of them at its end."""
    # A process that did not end in time may still write there.
    with tempfile.TemporaryDirectory(prefix="callgrind-", ignore_cleanup_errors=True) as folder:
        options = [
            "--tool=callgrind",
            "--trace-children=yes",
            "--zero-before=PyOS_AfterFork_Child",  # a forked process would repeat its parent's count
            f"--log-file={folder}/log.%p",
            f"--callgrind-out-file={folder}/count.%p",
        ]
        _run([*one_processor(), "valgrind", *options, *command], variables)
        begun = {int(path.suffix[1:]) for path in Path(folder).glob("log.*")}
        _wait_for(begun)
        return begun, {int(path.suffix[1:]): path.read_text(errors="replace") for path in Path(folder).glob("count.*")}


def _wait_for(pids: Iterable[int]) -> None:
    """Wait for the ends of processes, which write their counts then; a server ends later than the program."""
    for pid in pids:
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            if not select.select([pidfd], [], [], TIME_LIMIT)[0]:
                raise CountError(f"process {pid}, which the program started, did not end")
        finally:
            os.close(pidfd)


def parse_callgrind(begun: Collection[int], reports: Mapping[int, str]) -> int:
    """The sum over the reports that callgrind writes for each process.

    :param begun: the processes that it followed; each writes its report when it ends, unless it is killed.
    :param reports: their texts, by process.
    :raises CountError: if a process left no count, for then the sum lacks what it did, or if there is none at all.
    """
    totals = {
        pid: [int(line.split()[1]) for line in report.splitlines() if line.startswith("totals:")]
        for pid, report in reports.items()
    }
    if silent := [pid for pid in begun if not totals.get(pid)]:
        raise CountError(f"{len(silent)} of {len(begun)} processes left no count, as those that are killed")
    if not totals:
        raise CountError("callgrind left no count")
    return sum(map(sum, totals.values()))
