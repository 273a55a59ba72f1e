"""Lifelines: the system kills a process when its parent is gone.

Only the parent has the write end of a pipe. The child asks the system to send it SIGKILL on an event at the read end
(``fcntl(2)``: ``O_ASYNC`` with ``F_SETSIG``), and the only possible event is that the parent's end closes, however the
parent died. This needs no thread and no GIL, so a busy loop or a blocked C call does not delay it.
``PR_SET_PDEATHSIG`` does not suffice: it sends the signal when the *thread* that forked ends.
"""

from __future__ import annotations

import os
import sys

from processing_core._fds.descriptors import Descriptor, open_pipe, readable
from processing_core._forks import keep_private, without_forks
from processing_core._platform import kill_when_hung_up
from processing_core.annotations import signal

__all__ = ["Lifeline", "arm"]


class Lifeline:
    """The parent's side of one child's lifeline; the child is killed when this is closed or collected."""

    def __init__(self) -> None:
        with without_forks():
            read_end, write_end = open_pipe()
            self._held = keep_private(write_end)
        self._given = read_end

    def child_end(self) -> int:
        """The descriptor that the child must inherit and :func:`arm`."""
        return self._given.fileno()

    def handed_over(self) -> None:
        """Drop this process's copy of the child's end."""
        self._given.close()

    def keep_in_child(self) -> int:
        """In a forked child: the child's end, owned by the caller from now on."""
        return self._given.detach()

    def close(self) -> None:
        """Close this end; the child is killed if it has its own end."""
        self._given.close()
        self._held.close()


class _State:
    def __init__(self) -> None:
        self.armed: Descriptor | None = None


_state = _State()


def arm(fd: int) -> None:
    """In the child: die by SIGKILL when the parent's end of this pipe closes, or has closed.

    :param fd: The child's end, which is kept open from now on.
    """
    if sys.platform == "win32":
        kill_when_hung_up(fd)  # or has; it is never closed: the system would take that for the parent's end, too
        return
    with without_forks():
        _state.armed = keep_private(Descriptor(fd))
    fd = _state.armed.fileno()
    kill_when_hung_up(fd)
    # It may have closed before; nothing is ever written, so readable means hung up.
    if readable(fd, 0):
        os.kill(os.getpid(), signal.SIGKILL)
