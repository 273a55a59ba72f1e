"""A started process, as the process that started it sees it."""

from __future__ import annotations

import os
import signal

from processing_core._descriptors import Descriptor, readable
from processing_core._lifeline import Lifeline
from processing_core._native import _kernel

__all__ = ["UNKNOWN_EXIT", "Child", "DirectChild", "Place", "exit_code"]

Place = tuple[int, int]
"""A member's (slot, serial)."""

UNKNOWN_EXIT = 255
"""The exit code of a process whose status nobody could collect."""


class Child:
    """A child that has its place in the family and runs.

    Nothing here takes a lock: every step may be done twice, so threads and signal handlers may
    wait for the same child at the same time.
    """

    def __init__(self, pid: int, death: Descriptor, place: Place, lifeline: Lifeline | None) -> None:
        self.pid = pid
        self.place = place
        self.returncode: int | None = None
        self._death = death  # a pidfd, readable from the death on
        self._lifeline = lifeline

    @property
    def sentinel(self) -> int:
        """A descriptor that becomes readable when the process dies."""
        return self._death.fileno()

    def poll(self) -> int | None:
        """The exit code, or ``None`` while it runs."""
        return self.wait(0)

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end; blocks.

        :param timeout: seconds; ``None`` waits for ever.
        :return: the exit code, ``-N`` for signal ``N``; ``None`` if the time was up.
        """
        if self.returncode is None and readable(self.sentinel, timeout):
            self._collect()
            if self._lifeline is not None:
                self._lifeline.close()
        return self.returncode

    def send_signal(self, signum: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.returncode is None:
            try:
                signal.pidfd_send_signal(self.sentinel, signum)
            except ProcessLookupError:
                pass  # it ended just now; nobody has collected it

    def close(self) -> None:
        """Close the descriptors."""
        self._death.close()
        if self._lifeline is not None:
            self._lifeline.close()

    def _collect(self) -> None:
        """Set ``returncode`` of a process that is known to be dead, and bury the member."""
        raise NotImplementedError


class DirectChild(Child):
    """A child of this very process."""

    def __init__(self, pid: int, place: Place, lifeline: Lifeline | None) -> None:
        super().__init__(pid, Descriptor(os.pidfd_open(pid)), place, lifeline)

    def _collect(self) -> None:
        try:
            # Looked at first and reaped afterwards: whoever comes second finds either the zombie
            # or the code.
            code = exit_code(self.sentinel)
        except ChildProcessError:
            # Another thread, or somebody's ``os.wait``; or the program ignores SIGCHLD.
            code = UNKNOWN_EXIT if self.returncode is None else self.returncode
        _kernel.bury(*self.place, code)
        self.returncode = code
        reap(self.sentinel)


def exit_code(pidfd: int) -> int:
    """The exit code of a dead child, which stays a zombie."""
    status = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOWAIT)
    assert status is not None
    return status.si_status if status.si_code == os.CLD_EXITED else -status.si_status


def reap(pidfd: int) -> None:
    """Let go of a dead child's zombie, if it is still there."""
    try:
        os.waitid(os.P_PIDFD, pidfd, os.WEXITED)
    except ChildProcessError:
        pass
