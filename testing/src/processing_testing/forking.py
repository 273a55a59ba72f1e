"""Children of a bare `os.fork`, and a conversation with each.

For tests of what processes do to each other, whatever started them: a fork takes a millisecond, its function may be
any closure, and the test kills and reaps it itself.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from processing_testing import processes


class Line:
    """One end of a conversation."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._lines = end.makefile("r", encoding="utf-8")

    def say(self, message: Any) -> None:
        """Tell the other end something that JSON can carry."""
        self._end.sendall(json.dumps(message).encode() + b"\n")

    def hear(self) -> Any:
        """What the other end says next; blocks.

        :raises EOFError: if it is gone.
        """
        line = self._lines.readline()
        if not line:
            raise EOFError("the other end is gone")
        return json.loads(line)

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._end.close()


class Child(Line):
    """A forked process, seen from the test."""

    def __init__(self, body: Callable[[Line], object]) -> None:
        ours, theirs = socket.socketpair()
        self.status: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            _live(body, Line(theirs))
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
    """Wait until a process sleeps in the system, for several looks on end.

    :raises AssertionError: if it does not.
    """
    deadline, asleep = time.monotonic() + seconds, 0
    while asleep < 5:
        assert time.monotonic() < deadline, f"process {pid} does not sleep"
        info = processes.read(pid)
        asleep = asleep + 1 if info is not None and info.state == "S" else 0
        time.sleep(0.002)  # the system offers no event for "a process went to sleep"


@pytest.fixture
def fork() -> Iterator[Callable[[Callable[[Line], object]], Child]]:
    """Forks children that are killed, if they still live, at the test's end."""
    children: list[Child] = []

    def make(body: Callable[[Line], object]) -> Child:
        children.append(Child(body))
        return children[-1]

    yield make
    for child in children:
        if child.status is None:
            with suppress(ProcessLookupError):
                child.kill()
        child.close()


def _live(body: Callable[[Line], object], line: Line) -> None:
    """Be the child: end with code 0 if *body* returns, with 1 if it raises."""
    code = 1
    try:
        body(line)
        code = 0
    except BaseException:  # nothing may return into the test
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)
