"""Children of a bare `os.fork`, and a connection with each.

They serve tests of what processes do to each other, whatever has started them: a fork takes a millisecond, the child's
function may be any closure, and the test kills and reaps the child itself.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from processing_testing.harness import processes
from processing_testing.harness.rendezvous import MessageSocket


class Child(MessageSocket):
    """A forked process, seen from the test."""

    def __init__(self, body: Callable[[MessageSocket], object]) -> None:
        ours, theirs = socket.socketpair()
        self.status: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            _run_child(body, MessageSocket(theirs))
        theirs.close()
        super().__init__(ours)

    def kill(self) -> None:
        """End it by SIGKILL, and reap it."""
        os.kill(self.pid, signal.SIGKILL)
        self.join()

    def join(self) -> int:
        """Wait for its end.

        :return: its exit code, ``-N`` for signal ``N``.
        """
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def stop(self) -> None:
        """Stop it by SIGSTOP; returns when it has stopped."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitpid(self.pid, os.WUNTRACED)

    def go_on(self) -> None:
        """Let it go on after `stop`."""
        os.kill(self.pid, signal.SIGCONT)

    def await_sleep(self) -> None:
        """Wait until it sleeps in the system, as a blocked process does."""
        await_sleep(self.pid)


def await_sleep(pid: int, seconds: float = 20.0) -> None:
    """Wait until a process sleeps in the system, as several checks in succession find it.

    :raises AssertionError: if it does not.
    """
    deadline, asleep = time.monotonic() + seconds, 0
    while asleep < 5:
        assert time.monotonic() < deadline, f"process {pid} does not sleep"
        info = processes.read(pid)
        asleep = asleep + 1 if info is not None and info.state == "S" else 0
        time.sleep(0.002)  # the system offers no event for "a process went to sleep"


@pytest.fixture
def fork() -> Iterator[Callable[[Callable[[MessageSocket], object]], Child]]:
    """A function that forks children; at the end of the test those that still run are killed."""
    if not hasattr(os, "fork"):
        pytest.skip("the system has no forks")
    children: list[Child] = []

    def make(body: Callable[[MessageSocket], object]) -> Child:
        children.append(Child(body))
        return children[-1]

    yield make
    for child in children:
        if child.status is None:
            with suppress(ProcessLookupError):
                child.kill()
        child.close()


def _run_child(body: Callable[[MessageSocket], object], test: MessageSocket) -> None:
    """Run the child: end with code 0 if *body* returns, with 1 if it raises."""
    code = 1
    try:
        body(test)
        code = 0
    except BaseException:  # nothing may return into the test
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)
