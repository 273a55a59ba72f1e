"""A started process, as the process that started it sees it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from processing_core._fds.descriptors import Descriptor, hung_up, open_pidfd, readable
from processing_core._lifeline import Lifeline
from processing_core._long_wait import wait_long
from processing_core._native import _kernel
from processing_core._platform import SIGKILL, exit_code_kept, exit_code_of_zombie, is_child, reap, signal_process
from processing_core._platform import kill_newborn as kill_newborn_of_system
from processing_core.annotations import signal

__all__ = [
    "UNKNOWN_EXIT",
    "Child",
    "DirectChild",
    "MemberId",
    "exit_code",
    "exit_code_left",
    "kill_newborn",
    "reap_by_number",
]

MemberId = tuple[int, int]
"""A member's (slot, serial)."""

UNKNOWN_EXIT = 255
"""The exit code of a process whose status could not be collected."""


class Child:
    """A child that is a member of the family and runs.

    No method takes a lock: every step may be done twice, so threads and signal handlers may wait for the same child at
    the same time.  The descriptors are closed when none of them is at it any more: the number of a closed one may be
    that of another child by now, which would get the signal, or lose its exit code.
    """

    def __init__(self, pid: int, death: Descriptor, member_id: MemberId, lifeline: Lifeline | None) -> None:
        self.pid = pid
        self.member_id = member_id
        self.returncode: int | None = None
        self._death = death  # a pidfd, readable from the death on
        self._lifeline = lifeline
        self._users: set[object] = set()  # one for each call that uses the descriptors
        self._closed = False

    @property
    def sentinel(self) -> int:
        """A descriptor that becomes readable when the process dies."""
        if not self._death.is_open():  # the program has closed it, as a process does that becomes a daemon
            self._death = self._watched_again()
        return self._death.fileno()

    def poll(self) -> int | None:
        """The exit code, or ``None`` while it runs."""
        return self.wait(0)

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end; blocks.

        :param timeout: seconds; ``None`` waits for ever.
        :return: the exit code, ``-N`` for signal ``N``; ``None`` if the time was up.
        """
        if self.returncode is None:
            self._use(lambda: self._await(timeout))
        return self.returncode

    def _await(self, timeout: float | None) -> None:
        if wait_long(lambda left: readable(self.sentinel, left), timeout, self.member_id):
            self._collect()
            if self._lifeline is not None:
                self._lifeline.close()

    def send_signal(self, signum: int) -> None:
        """Send a signal, unless the process has ended.

        SIGTERM and SIGKILL also end a process of another user, by its lifeline: this process may have dropped its
        privileges since the start, or be in a sandbox that refuses the system call.

        :raises OSError: if the system refuses, and the process has no lifeline, or the signal need not end it.
        """
        if self.returncode is None:
            self._use(lambda: self._signal(signum))

    def _signal(self, signum: int) -> None:
        try:
            signal_process(self.sentinel, signum)
        except ProcessLookupError:
            pass  # it has ended; its exit code was not collected yet
        except OSError:
            if self._lifeline is None or signum not in (signal.SIGTERM, SIGKILL):
                raise
            self._lifeline.close()

    def close(self) -> None:
        """Close the descriptors, now or when no other thread uses them any more."""
        self._closed = True
        if not self._users:
            self._release()

    def _use(self, use: Callable[[], None]) -> None:
        """Call what uses the descriptors, unless the exit code is known."""
        user = object()
        self._users.add(user)
        try:
            if self.returncode is None:  # after it was added: else `close` has found no user
                use()
        finally:
            self._users.discard(user)
            if self._closed and not self._users:
                self._release()

    def _release(self) -> None:
        self._death.close()
        if self._lifeline is not None:
            self._lifeline.close()

    def _watched_again(self) -> Descriptor:
        """A further descriptor that becomes readable when the process dies."""
        try:
            death = open_pidfd(self.pid)
        except ProcessLookupError:
            return hung_up()
        return death if self._is_mine(death) else hung_up()

    def _is_mine(self, death: Descriptor) -> bool:
        """Whether a pidfd, opened by number, is that of this child."""
        # Checked after the descriptor was opened: the member was alive then, so the descriptor is the member's.
        return _kernel.alive(*self.member_id)

    def _collect(self) -> None:
        """Set ``returncode`` of a process that is known to be dead, and reap the member."""
        raise NotImplementedError


class DirectChild(Child):
    """A child of this very process.

    :raises OSError: if this process may open no more descriptors.
    """

    def __init__(self, pid: int, member_id: MemberId, lifeline: Lifeline | None) -> None:
        try:
            death = open_pidfd(pid)
        except ProcessLookupError:  # it has ended, and was reaped: the program ignores SIGCHLD, or reaps what it finds
            death = hung_up()
        super().__init__(pid, death, member_id, lifeline)

    def _is_mine(self, death: Descriptor) -> bool:
        return is_child(death.fileno())  # else other code has reaped the child, and the pid is another process's

    def _collect(self) -> None:
        # The code is read first and the zombie reaped last: a second thread finds either the zombie or the code.
        code = exit_code(self.sentinel, self.member_id)
        if code == UNKNOWN_EXIT and self.returncode is not None:
            code = self.returncode
        _kernel.reap(*self.member_id, code)
        self.returncode = code
        reap(self.sentinel)


def exit_code(pidfd: int, member_id: MemberId) -> int:
    """The exit code of a dead child; if the child is a zombie it stays one.

    The child is no zombie any more if the program ignores SIGCHLD, or if other code has reaped it: a handler of
    SIGCHLD, or ``os.wait()`` in another thread.  Then its exit code is in the arena if it ended by itself, because such
    a child writes it there.  If a signal killed it, only the system knows which, and only Linux 6.15 and newer tell it.
    """
    try:
        return exit_code_of_zombie(pidfd)
    except OSError:  # no child to wait for, or no pidfd
        return code_of_reaped(pidfd, member_id)


def code_of_reaped(pidfd: int, member_id: MemberId) -> int:
    """The exit code of a dead process that this one cannot wait for; `UNKNOWN_EXIT` if it is not known."""
    code = exit_code_left(member_id)
    if code is None:
        code = exit_code_kept(pidfd)
    return UNKNOWN_EXIT if code is None else code


def exit_code_left(member_id: MemberId) -> int | None:
    """The exit code in the arena, which the child wrote at its end, or the process that reaped it; ``None`` if none."""
    left = _kernel.tombstone(member_id[1])
    return None if left is None else left[2]


def kill_newborn(pid: int) -> None:
    """End a child whose start has failed after it was made: the program does not get its pid."""
    kill_newborn_of_system(pid)
    _kernel.sweep()


def reap_by_number(pid: int) -> None:
    """Wait for the end of a child that is about to end."""
    with suppress(ChildProcessError):  # the program ignores SIGCHLD, or its handler was first
        os.waitpid(pid, 0)
