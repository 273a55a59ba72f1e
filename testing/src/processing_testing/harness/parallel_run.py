"""Runs every test, in two runs of pytest at once: one run leaves the second of two processors idle.

``python -m processing_testing.harness.parallel_run`` takes pytest's options, but no paths. Each half is a process group
of its own, by which `leaks` and `watchdog` distinguish their own orphans from the other half's. The output of the
second half is printed after that of the first.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from typing import IO

FIRST = ["packages/processing-core", "packages/processing-pool"]
"""Folders named in ``testpaths`` that take about half of the time; the second half runs all others."""


def main(options: list[str]) -> int:
    """Run both halves.

    :return: the first exit status that is not 0.
    """
    with tempfile.TemporaryFile() as below:
        halves = [
            _start([*options, *FIRST]),
            _start([*options, *(f"--ignore={folder}" for folder in FIRST)], stdout=below),
        ]
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # nox sends it, soon after a Ctrl-C
        statuses = _wait(halves)
        below.seek(0)
        sys.stdout.buffer.write(below.read())
        sys.stdout.flush()
    return next((status for status in statuses if status), 0)


def _wait(halves: list[subprocess.Popen[bytes]]) -> list[int]:
    """Wait for both halves; pass every interruption on, because a terminal's Ctrl-C does not reach their groups."""
    while True:
        try:
            return [half.wait() for half in halves]
        except KeyboardInterrupt:
            for half in halves:
                half.send_signal(signal.SIGINT)


def _start(arguments: list[str], stdout: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    pytest = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.Popen(pytest, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stdout, process_group=0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
