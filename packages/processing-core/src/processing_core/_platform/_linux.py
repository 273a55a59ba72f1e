"""Linux: a process is watched by a pidfd (pidfd_open(2)), which is readable from its death on."""

from __future__ import annotations

import os
import select
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from processing_core.annotations import signal

__all__ = [
    "HUNG_UP",
    "DescriptorSet",
    "KEEPS_NUMBERS",
    "READABLE",
    "SIGKILL",
    "WRITABLE",
    "Poller",
    "close",
    "exit_code_kept",
    "exit_code_of_zombie",
    "follow_main_thread",
    "is_child",
    "kill_newborn",
    "kill_when_hung_up",
    "memory_size",
    "open_ends",
    "open_process",
    "reap",
    "register_at_fork",
    "drain",
    "interrupts_blocked",
    "ring",
    "unblock_interrupts",
    "yield_processor",
    "set_nonblocking",
    "set_title",
    "signal_process",
    "umask_and_identity",
    "unused_address",
]

Poller = select.poll
"""Waits for several descriptors."""

DescriptorSet = select.epoll
"""Several descriptors that are waited for as one, which is readable when one of them is ready: epoll(7)."""

READABLE, WRITABLE, HUNG_UP = select.POLLIN, select.POLLOUT, select.POLLHUP
"""What a `Poller` may be told to wait for, and says; it always waits for `HUNG_UP`."""

close: Callable[[int], None] = os.close
"""Close a descriptor."""

open_ends = os.pipe
"""The ends of a new pipe, for reading and for writing."""

KEEPS_NUMBERS = False
"""Whether an inherited descriptor has the number in the child that it has in its parent, whatever that is."""

SIGKILL = signal.SIGKILL
"""Ends a process, whatever it does."""

register_at_fork: Callable[..., None] = os.register_at_fork
"""Call functions at every fork through Python."""

open_process = os.pidfd_open
"""A new descriptor of the process with this id."""

signal_process = signal.pidfd_send_signal
"""Send a signal to the process of a descriptor."""


yield_processor: Callable[[], None] = os.sched_yield
"""Let other threads run first."""


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


def memory_size() -> int:
    """The bytes of physical memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def set_title(title: str) -> None:
    """Set what ``top`` and ``ps`` show as this process's command: the first 15 bytes, without a NUL.

    It is no error if the system does not let it be set.
    """
    try:
        with open("/proc/self/comm", "wb", buffering=0) as file:
            file.write(title.encode(errors="replace")[:15])
    except OSError:
        pass


def is_child(process: int) -> bool:
    """Whether a process is a child of this one that was not reaped yet."""
    try:
        os.waitid(os.P_PIDFD, process, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def exit_code_of_zombie(process: int) -> int:
    """The exit code of a dead child, which stays a zombie.

    :raises OSError: if it is none, or the descriptor is none of a process.
    """
    status = os.waitid(os.P_PIDFD, process, os.WEXITED | os.WNOWAIT)
    assert status is not None
    return status.si_status if status.si_code == os.CLD_EXITED else -status.si_status


def kill_newborn(pid: int) -> None:
    """End a child that was just made, and reap it."""
    with suppress(ProcessLookupError):  # it has ended, and was reaped
        os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):  # the program ignores SIGCHLD, or its handler was first
        os.waitpid(pid, 0)


def reap(process: int) -> None:
    """Reap a dead child's zombie, if it is still there."""
    try:
        os.waitid(os.P_PIDFD, process, os.WEXITED)
    except OSError:
        pass  # it is not there; or the descriptor is no pidfd, as the process was reaped before one could be opened


# Linux 6.15 and newer: struct pidfd_info of <linux/pidfd.h>, of which the first and the last field matter here.
_PIDFD_GET_INFO = 0xC040FF0B
_PIDFD_INFO = struct.Struct("=Q52xi")
_PIDFD_INFO_EXIT = 1 << 3
_UNTIL_REAPED = 1000  # milliseconds; the system is about to do it


def exit_code_kept(process: int) -> int | None:
    """The exit code of a process that was reaped; ``None`` if the system does not keep it.

    Blocks for a second at most.
    """
    import fcntl

    poller = select.poll()
    poller.register(process, 0)  # POLLHUP comes once it is reaped
    for timeout in (_UNTIL_REAPED, None):
        try:
            answer = fcntl.ioctl(process, _PIDFD_GET_INFO, _PIDFD_INFO.pack(_PIDFD_INFO_EXIT, 0))
        except OSError:
            return None  # an older system, or it was reaped before there was a pidfd
        mask, status = _PIDFD_INFO.unpack(answer)
        if mask & _PIDFD_INFO_EXIT:
            return os.waitstatus_to_exitcode(status)
        if timeout is not None:
            poller.poll(timeout)
    return None


def kill_when_hung_up(fd: int) -> None:
    """Let the system send SIGKILL to this process when something happens at ``fd``, such as that the far end closes.

    fcntl(2): ``O_ASYNC`` with ``F_SETSIG``.
    """
    import fcntl

    fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)


_NAMESPACES = tuple(f"/proc/self/ns/{name}" for name in ("mnt", "net", "user", "pid_for_children"))
"""The namespaces in which a process can leave its parent's; to read all seven links would make a start 1 % slower."""


def umask_and_identity(read: Callable[[str], bytes]) -> tuple[int | None, object]:
    """This process's umask, and its user, groups, capabilities, root directory and namespaces.

    The umask is ``None`` if the system does not tell it.  Two identities are equal if and only if these are the same.

    :param read: returns a file's content, or nothing if the file cannot be opened.
    """
    _, found, rest = read("/proc/self/status").partition(b"\nUmask:")
    umask = int(rest.split(None, 1)[0], 8) if found else None
    capabilities = rest.partition(b"\nCapInh:")[2].partition(b"\nCpus_allowed:")[0]
    root = os.stat("/")
    user = os.getresuid(), os.getresgid(), tuple(os.getgroups())
    return umask, (user, capabilities, root.st_dev, root.st_ino, _namespaces())


def _namespaces() -> tuple[str, ...]:
    try:
        return tuple(map(os.readlink, _NAMESPACES))
    except OSError:
        return ()  # /proc is not mounted


def unused_address() -> bytes:
    """An address for a Unix socket that no other socket has: an abstract name (unix(7)), which is in no file system."""
    return b"\0processing-" + os.urandom(16).hex().encode()


def follow_main_thread() -> None:
    """Give this thread the nice value and the processors that the main thread has.

    Linux keeps them for each thread, and programs change them for the process:
    `os.nice` and `os.sched_setaffinity` change those of the calling thread, and a child gets those of the thread that
    starts it.  A thread of ours that starts children does this before.  Does not block.  What the system refuses, such
    as a lower nice value, stays as it is.
    """
    main = os.getpid()
    try:
        nice = os.getpriority(os.PRIO_PROCESS, main)
        if nice != os.getpriority(os.PRIO_PROCESS, 0):
            os.setpriority(os.PRIO_PROCESS, 0, nice)
        processors = os.sched_getaffinity(main)
        if processors != os.sched_getaffinity(0):
            os.sched_setaffinity(0, processors)
    except OSError:
        pass
