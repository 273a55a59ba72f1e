"""The watchdog's second stage: a process beside the tests that acts when their main thread no longer can.

It reads lines from the pipe: ``<seconds> <what>`` starts a limit, ``0`` ends it. It is not a child of the tests'
process (it detaches at once, into a session of its own), and ends when that process does.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import suppress

from processing_testing.harness import processes


def main(tests: int, pipe: int, grace: float) -> None:
    """Watch the process *tests* until it has ended or the pipe is closed.

    :param grace: seconds beyond a limit after which it kills the descendants, and until it kills the tests, too.
    """
    deadline: float | None = None
    what, rounds, rest = "", 0, b""
    start = processes.read(tests)
    while True:
        timeout = 1.0 if deadline is None else max(0.0, min(1.0, deadline - time.monotonic()))
        ready, _, _ = select.select([pipe], [], [], timeout)
        if ready:
            data = os.read(pipe, 1 << 16)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            if lines:
                seconds, _, what = lines[-1].decode(errors="replace").partition(" ")
                deadline, rounds = (time.monotonic() + float(seconds) + grace if float(seconds) else None), 0
        elif deadline is not None and time.monotonic() >= deadline:
            rounds += 1
            kill_descendants(tests, what, rounds)
            deadline = time.monotonic() + grace
        now = processes.read(tests)
        if start is not None and (now is None or now.started != start.started or now.state == "Z"):
            return


def kill_descendants(tests: int, what: str, rounds: int) -> None:
    """Kill the descendants; the second time the tests too."""
    write(f"\nwatchdog: {what} hangs and does not answer its alarm")
    relatives = processes.family(tests)
    itself = processes.read(tests)
    for info in [*([itself] if itself else []), *relatives]:
        write(processes.describe(info))
    processes.kill(relatives)
    if rounds > 1:
        write(f"watchdog: ABORTING THE RUN in {what}; there will be no summary")
        with suppress(ProcessLookupError):
            os.kill(tests, signal.SIGABRT)  # pytest's faulthandler prints its stacks
            time.sleep(2.0)
            os.kill(tests, signal.SIGKILL)


def write(text: str) -> None:
    """Print to the terminal or log of the run."""
    with suppress(OSError):
        os.write(2, text.encode(errors="replace") + b"\n")


def detach() -> None:
    """Become no child of the caller any more: its `wait` returns at once."""
    if os.fork():
        os._exit(0)
    os.setsid()


if __name__ == "__main__":
    detach()
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
