"""The shared-memory reaper: a process that unlinks a family's named memory, also when every member was killed.

Linux has no name that unrelated programs can open and that disappears with its last user, so a process must unlink it.
This process waits for the death of the family's root, and then unlinks each of the family's names as soon as no tracked
user has it open.  It keeps no list and receives no messages: the names contain the family, and the system knows whether
a process uses them. Each tracked user holds a shared `flock` on the memory's open file, which is released with the last
descriptor and mapping of that file, however the user ended.

    user:    open; lock shared; check that the name still leads there, else begin again
    reaper:  open; lock exclusively without waiting; check that the name still leads there; unlink; close

So no memory is unlinked under a tracked user, and no user gets memory that is being unlinked.

A family has one reaper: the process that has bound an abstract socket of the family's, which the system frees when the
process dies.  Every user of the machine may bind that address first, so the reaper's user is asked of the system.  The
reaper starts with the first tracked memory, and is no child of a program, so that no program waits for it by accident.
A process that makes memory makes it first and then looks for the reaper; a reaper that finds no more names frees the
socket first and then looks again.  So one of the two sees the other.

This file is also run as a program, which imports next to nothing (7 MiB, 12 ms).
"""

from __future__ import annotations

import fcntl
import os
import select
import signal  # the reaper's process runs this file alone, and cannot import this package
import struct
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket  # else where it is used: `clear` runs at the end of every program, and would be all that needs it

__all__ = ["FOLDER", "address", "bound", "clear", "unlink_unused"]

FOLDER = "/dev/shm/"
PLACES = 16
"""The number of addresses that a family's reaper tries, in case other users have taken those before."""
BACKLOG = 64
ANSWER = struct.pack("ll", 0, 500_000)
"""Seconds and microseconds in which a process accepts a connection to its address, unless it is another user's."""
PAUSE = 0.1
"""Seconds between two looks at what survivors of the root still use."""


def unlink_unused(name: str, inode: int | None = None, owner: int | None = None) -> bool:
    """Unlink memory unless it has a tracked user.

    :param inode: the inode that it must have; another memory may have got the name since.
    :param owner: the user whose it must be.
    :return: False if it is in use; True if there is nothing more to do about it.
    """
    try:
        fd = os.open(FOLDER + name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return True  # gone, or not ours to open
    try:
        found = os.fstat(fd)
        if inode not in (None, found.st_ino) or owner not in (None, found.st_uid):
            return True  # another's
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.lstat(FOLDER + name).st_ino == found.st_ino:
            os.unlink(FOLDER + name)
    except BlockingIOError:
        return False
    except OSError:
        pass  # unlinked meanwhile, or another user's
    finally:
        os.close(fd)
    return True


def clear(prefix: str) -> bool:
    """Unlink a family's memory that no tracked user has open; return whether any is left."""
    try:
        entries = os.listdir(FOLDER)
    except OSError:
        return False  # the system has no such folder, as in some containers, so it has no named memory
    gone = [_clear(entry, prefix) for entry in entries if entry.startswith(prefix)]
    return not all(gone)


def _clear(entry: str, prefix: str) -> bool:
    try:
        noted, owner = os.readlink(FOLDER + entry), os.lstat(FOLDER + entry).st_uid
    except OSError:
        return unlink_unused(entry)
    # Every user of the machine may leave a note here: it counts for memory in this folder that is its writer's own.
    inode = entry.removeprefix(prefix + "n").partition(".")[0]
    if inode.isdecimal() and "/" not in noted and not unlink_unused(noted, int(inode), owner):
        return False
    try:
        os.unlink(FOLDER + entry)
    except OSError:
        pass
    return True


def address(prefix: str, place: int = 0) -> str:
    """The abstract socket by which a family knows its reaper.

    :param place: the number of the address: the next one is used if another user has taken the one before, as every
        user may.
    """
    return f"\0processing-reaper-{prefix}" + (f"-{place}" if place else "")


def bound(prefix: str) -> socket.socket | None:
    """That socket, for the process that will be the reaper; ``None`` if there is one."""
    for place in range(PLACES):
        sign = _bound_at(address(prefix, place))
        if sign is not None:
            return sign
        if _is_ours(address(prefix, place)):
            return None
    return None


def _bound_at(name: str) -> socket.socket | None:
    import socket

    with socket.socket(socket.AF_UNIX) as made:
        # None of the standard streams', which the program may have closed.
        sign = socket.socket(fileno=fcntl.fcntl(made.fileno(), fcntl.F_DUPFD_CLOEXEC, 3))
    try:
        sign.bind(name)
        sign.listen(BACKLOG)
    except OSError:
        sign.close()
        return None
    return sign


def _is_ours(name: str) -> bool:
    """Whether a process of this user's, or root's, listens there; the system says whose it is."""
    import socket

    with socket.socket(socket.AF_UNIX) as asking:
        # A connection waits if the backlog is full.  The reaper makes room soon, but another user's process may not.
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, ANSWER)
        try:
            asking.connect(name)
        except OSError:
            return False
        _, user, _ = struct.unpack("3i", asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return user in (os.geteuid(), 0)


def _hang_up(sign: socket.socket) -> None:
    """Dismiss the processes that have asked whose it is, for only a few may wait."""
    try:
        for _ in range(BACKLOG):
            sign.accept()[0].close()
    except OSError:
        pass  # no further connection waits


def _await_death(root: int, sign: socket.socket) -> None:
    poller = select.poll()
    poller.register(root, select.POLLIN)
    poller.register(sign, select.POLLIN)
    while root not in (ready := [fd for fd, _ in poller.poll()]):
        if ready:
            _hang_up(sign)


def _main(prefix: str, sign_fd: int, root: int) -> None:
    import socket

    if os.fork():
        os._exit(0)
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sign: socket.socket | None
    sign = socket.socket(fileno=sign_fd)
    sign.setblocking(False)
    _await_death(root, sign)
    while sign is not None:
        sign.setblocking(False)
        while clear(prefix):
            _hang_up(sign)
            time.sleep(PAUSE)
        sign.close()
        sign = bound(prefix) if clear(prefix) else None


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
