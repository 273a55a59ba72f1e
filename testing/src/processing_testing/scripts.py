"""Programs in a process and a family of their own, for tests that fork, die or fill the arena."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap


def run(source: str, *arguments: str, status: int = 0, **environment: str) -> str:
    """Run a program; it does not share this process's family.

    :param source: its text, indented as you like.
    :param arguments: its ``sys.argv[1:]``.
    :param status: the exit status that it must have.
    :param environment: variables beside this process's.
    :return: its standard output.
    :raises AssertionError: if its exit status is another, with what it printed.
    """
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(source), *arguments]
    variables = {**os.environ, "PYTHONFAULTHANDLER": "1", **environment}
    result = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
    assert result.returncode == status, (
        f"exit status {result.returncode}, not {status}\n{result.stdout}\n{result.stderr}"
    )
    return result.stdout
