"""Programs written for multiprocessing print with processing what they print with multiprocessing.

So they do with one import changed, and unedited by ``python -m processing run``.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from processing_testing.harness.mechanisms import START_METHODS

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))
LIMIT = 40.0
"""Seconds for one program; each takes less than one."""


class Outcome(NamedTuple):
    """The output and exit code of one run of a program."""

    output: str
    errors: str
    status: int


def run(program: Path, module: str, method: str, *options: str) -> Outcome:
    """Run a program.

    :param module: what it imports as ``multiprocessing``.
    :param method: the start method that it sets.
    :param options: what the interpreter gets before the program.
    :raises subprocess.TimeoutExpired: if it takes too long; the program is killed then.
    """
    variables = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONFAULTHANDLER": "1"}
    command = [sys.executable, "-W", "ignore", *options, str(program), module, method]
    result = subprocess.run(command, capture_output=True, text=True, env=variables, timeout=LIMIT, check=False)
    return Outcome(result.stdout, result.stderr, result.returncode)


def test_there_are_programs() -> None:
    assert len(PROGRAMS) >= 12


@pytest.mark.watchdog(3 * LIMIT + 10)
@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_the_same_output(program: Path, method: str) -> None:
    theirs = run(program, "multiprocessing", method)
    ours = run(program, "processing", method)
    unedited = run(program, "multiprocessing", method, "-m", "processing", "run")
    assert theirs.status == 0, theirs.errors
    assert ours == theirs
    assert unedited == theirs
