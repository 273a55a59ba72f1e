"""Lifelines: what kills a process when the one that needs it is gone.

The parent holds the write end of a pipe, alone.  The child asks the system to send it SIGKILL when
something happens at the read end (``fcntl(2)``: ``O_ASYNC`` with ``F_SETSIG``), and all that can
happen there is that the parent's end closes, however the parent died.  It takes no thread and no
GIL, so that a busy loop or a blocked C call does not put it off.  ``PR_SET_PDEATHSIG`` will not do:
it fires when the *thread* that forked ends.
"""

from __future__ import annotations

import fcntl
import os
import signal

from processing_core._descriptors import Descriptor, readable
from processing_core._forks import keep_private, without_forks

__all__ = ["Lifeline", "arm"]


class Lifeline:
    """The parent's side of one child's lifeline; the child dies when it is closed or collected."""

    def __init__(self) -> None:
        with without_forks():
            read_end, write_end = os.pipe()
            self._held = keep_private(Descriptor(write_end))
        self._given = Descriptor(read_end)

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
        """Let go."""
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
    with without_forks():
        _state.armed = keep_private(Descriptor(fd))
    fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
    # It may have closed before; nothing is ever written, so readable means hung up.
    if readable(fd, 0):
        os.kill(os.getpid(), signal.SIGKILL)
