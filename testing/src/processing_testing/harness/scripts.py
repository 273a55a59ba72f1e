"""Programs in a process and a family of their own, for tests that fork, die or fill the arena."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap


def run(source: str, *arguments: str, status: int = 0, **environment: str) -> str:
    """Run a program, which is not a member of this process's family.

    :param source: its text, with any indentation.
    :param arguments: its ``sys.argv[1:]``.
    :param status: the exit status that it must have.
    :param environment: variables in addition to those of this process.
    :return: its standard output.
    :raises AssertionError: if its exit status is another, with what it printed.
    """
    return _run(source, arguments, status, environment).stdout


def errors(source: str, *arguments: str, status: int = 0, **environment: str) -> str:
    """Run a program as `run` does; what it wrote to its standard error stream."""
    return _run(source, arguments, status, environment).stderr


def _run(
    source: str, arguments: tuple[str, ...], status: int, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(source), *arguments]
    variables = {**os.environ, "PYTHONFAULTHANDLER": "1", **environment}
    result = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
    assert result.returncode == status, (
        f"exit status {result.returncode}, not {status}\n{result.stdout}\n{result.stderr}"
    )
    return result
