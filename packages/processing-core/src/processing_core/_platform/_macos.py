"""macOS: a process is watched by a kqueue (kqueue(2)), which is readable from its death on.

Nothing here has run on macOS.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from processing_core._native import _kernel

__all__ = [
    "HUNG_UP",
    "KEEPS_NUMBERS",
    "READABLE",
    "SIGKILL",
    "WRITABLE",
    "Poller",
    "close",
    "drain",
    "exit_code_kept",
    "exit_code_of_zombie",
    "follow_main_thread",
    "interrupts_blocked",
    "is_child",
    "kill_newborn",
    "kill_when_hung_up",
    "memory_size",
    "open_ends",
    "open_process",
    "reap",
    "register_at_fork",
    "ring",
    "set_nonblocking",
    "set_title",
    "signal_process",
    "umask_and_identity",
    "unblock_interrupts",
    "yield_processor",
]

Poller = select.poll
"""Waits for several descriptors."""

READABLE, WRITABLE, HUNG_UP = select.POLLIN, select.POLLOUT, select.POLLHUP
"""What a `Poller` may be told to wait for, and says; it always waits for `HUNG_UP`."""

KEEPS_NUMBERS = False
"""Whether an inherited descriptor has the number in the child that it has in its parent, whatever that is."""

SIGKILL = signal.SIGKILL
"""Ends a process, whatever it does."""

open_ends = os.pipe
"""The ends of a new pipe, for reading and for writing."""

register_at_fork: Callable[..., None] = os.register_at_fork
"""Call functions at every fork through Python."""


def yield_processor() -> None:
    """Let other threads run first."""
    time.sleep(0)


def set_nonblocking(writing: int) -> None:
    """Have `ring` not block, for this end."""
    os.set_blocking(writing, False)


def ring(writing: int) -> None:
    """Write a byte into a pipe of `open_ends`, for a process that waits at its other end; does not block.

    :raises OSError: if the pipe has no other end.
    """
    with suppress(BlockingIOError):  # it is full of bytes
        os.write(writing, b"\0")


def drain(reading: int) -> None:
    """Take the bytes that `ring` wrote, of which there is one at least."""
    os.read(reading, 4096)


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Block SIGINT in this thread, and in processes that it starts meanwhile, until these unblock it."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def unblock_interrupts() -> None:
    """In a child that was started with SIGINT blocked: let it arrive."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


# -- processes --

_pids: dict[int, int] = {}
"""The pid of the process of each descriptor that `open_process` has made; changed by single operations."""


def open_process(pid: int) -> int:
    """A new descriptor of the process with this id; it cannot be sent, and a forked child does not have it.

    :raises ProcessLookupError: if it is gone.
    """
    process = _kernel.open_process(pid)
    _pids[process] = pid
    return process


def close(fd: int) -> None:
    """Close a descriptor."""
    _pids.pop(fd, None)
    os.close(fd)


def _pid_of(process: int) -> int:
    try:
        return _pids[process]
    except KeyError:
        raise ProcessLookupError(f"descriptor {process} is none of a process") from None


def _ended(process: int) -> bool:
    poller = select.poll()
    poller.register(process, READABLE)
    return bool(poller.poll(0))


def signal_process(process: int, signum: int) -> None:
    """Send a signal to the process of a descriptor.

    :raises ProcessLookupError: if it has ended.
    """
    pid = _pid_of(process)
    if _ended(process):
        raise ProcessLookupError(f"process {pid} has ended")
    os.kill(pid, signum)


_P_PID, _WNOHANG, _WEXITED, _WNOWAIT = 1, 1, 4, 0x20  # of <sys/wait.h>
_CLD_EXITED = 1


def _look_at_child(pid: int, options: int) -> tuple[int, int]:
    """What waitid(2) tells of a child: how it ended, and its status or signal; (0, 0) if it has not.

    :raises ChildProcessError: if it is none, or was reaped.
    """
    if hasattr(os, "waitid"):  # from CPython 3.13 on
        found = os.waitid(os.P_PID, pid, options)
        return (found.si_code, found.si_status) if found is not None else (0, 0)
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    info = (ctypes.c_int * 32)()  # si_signo, si_errno, si_code, si_pid, si_uid, si_status, ...
    while library.waitid(_P_PID, pid, ctypes.byref(info), options) != 0:
        if ctypes.get_errno() != 4:  # EINTR
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return (info[2], info[5]) if info[3] else (0, 0)


def is_child(process: int) -> bool:
    """Whether a process is a child of this one that was not reaped yet."""
    try:
        _look_at_child(_pid_of(process), _WEXITED | _WNOWAIT | _WNOHANG)
    except (ChildProcessError, ProcessLookupError):
        return False
    return True


def exit_code_of_zombie(process: int) -> int:
    """The exit code of a dead child, which stays a zombie.

    :raises OSError: if it is none, or the descriptor is none of a process.
    """
    how, status = _look_at_child(_pid_of(process), _WEXITED | _WNOWAIT)
    return status if how == _CLD_EXITED else -status


def exit_code_kept(process: int) -> int | None:
    """``None``: the system does not keep the exit code of a process that was reaped."""
    return None


def reap(process: int) -> None:
    """Reap a dead child's zombie, if it is still there."""
    with suppress(OSError):
        os.waitpid(_pid_of(process), 0)


def kill_newborn(pid: int) -> None:
    """End a child that was just made, and reap it."""
    with suppress(ProcessLookupError):  # it has ended, and was reaped
        os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):  # the program ignores SIGCHLD, or its handler was first
        os.waitpid(pid, 0)


def kill_when_hung_up(fd: int) -> None:
    """Let a native thread, which needs no GIL, send SIGKILL to this process when the far end of a pipe closes."""
    _kernel.die_with(fd)


# -- what this process is --


def memory_size() -> int:
    """The bytes of physical memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def set_title(title: str) -> None:
    """Nothing: the system shows a process's program."""


def umask_and_identity(read: Callable[[str], bytes]) -> tuple[int | None, object]:
    """``None`` for the umask, which only a process that sets it is told; and user, groups and root folder."""
    root = os.stat("/")
    user = os.getuid(), os.geteuid(), os.getgid(), os.getegid(), tuple(os.getgroups())
    return None, (user, root.st_dev, root.st_ino)


def follow_main_thread() -> None:
    """Nothing: the nice value is the process's, and a process runs on every processor."""
