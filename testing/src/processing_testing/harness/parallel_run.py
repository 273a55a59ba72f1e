"""Runs every test, in three runs of pytest at once: many tests wait, and fewer runs would leave two processors idle.

``python -m processing_testing.harness.parallel_run`` takes pytest's options, but no paths. Each run is a process group
of its own, by which `leaks` and `watchdog` distinguish their own orphans from those of the other runs. The output of
the first run is printed as it comes, and that of the others after it.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from typing import IO

FOLDERS = [
    ["packages/processing-core", "packages/processing-sync", "packages/processing-managers"],
    ["packages/processing-pool"],
]
"""Folders named in ``testpaths`` that take about a third of the time each; the last run has all others."""


def main(options: list[str]) -> int:
    """Do all runs.

    :return: the first exit status that is not 0.
    """
    others = [f"--ignore={folder}" for folders in FOLDERS for folder in folders]
    with ExitStack() as stack:
        outputs = [stack.enter_context(tempfile.TemporaryFile()) for _ in FOLDERS]
        runs = [
            _start([*options, *arguments], output)
            for arguments, output in zip([*FOLDERS, others], [None, *outputs], strict=True)
        ]
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # nox sends it, soon after a Ctrl-C
        statuses = _wait(runs)
        for output in outputs:
            output.seek(0)
            sys.stdout.buffer.write(output.read())
        sys.stdout.buffer.flush()
        for arguments, status in zip([*FOLDERS, ["the others"]], statuses, strict=True):
            if status:
                sys.stdout.write(f"FAILED run of {' '.join(arguments)}: it ended with {status}\n")
        sys.stdout.flush()
    return next((status for status in statuses if status), 0)


def _wait(runs: list[subprocess.Popen[bytes]]) -> list[int]:
    """Wait for all runs; pass every interruption on, because a terminal's Ctrl-C does not reach their groups."""
    while True:
        try:
            return [run.wait() for run in runs]
        except KeyboardInterrupt:
            for run in runs:
                run.send_signal(signal.SIGINT)


def _start(arguments: list[str], stdout: IO[bytes] | None) -> subprocess.Popen[bytes]:
    pytest = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.Popen(pytest, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stdout, process_group=0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
