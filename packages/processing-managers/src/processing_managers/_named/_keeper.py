"""The keeper: unlinks what a family leaves of named memory, also when every member was killed.

Linux has no name that unrelated programs can open and that goes with its last user, so somebody must be there to unlink
it when nobody else is.  That is all this process does: it waits for the death of the family's root, and then
unlinks each of the family's names as soon as no tracked user has it open.  It keeps no list and is told nothing: the
names say whose they are, and the system says who uses them.  Each tracked user holds a shared `flock` on the
memory's open file, which goes with the last descriptor and mapping of it, however its holder ended.

    user:    open; lock shared; look whether the name still leads there, else begin anew
    keeper:  open; lock exclusively, at once or not now; look whether the name still leads there; unlink; close

So nothing is unlinked under a tracked user, and no user gets what is being unlinked.

A family has one: it is who has bound an abstract socket of the family's, which the system frees at its death.  It
starts with the first tracked memory, and is no child of anybody's, so no program waits for it by accident.  A creator
makes its memory first and then looks for the keeper, and a keeper that finds no more names frees the socket first and
then looks again: one of the two sees the other.

This file is also run by itself, as a program that imports next to nothing (7 MiB, 12 ms).
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import sys
import time

__all__ = ["FOLDER", "address", "bound", "clear", "unlink_unused"]

FOLDER = "/dev/shm/"
PAUSE = 0.1
"""Seconds between two looks at what survivors of the root still use."""


def unlink_unused(name: str, inode: int | None = None) -> bool:
    """Unlink memory unless it has a tracked user.

    :param inode: what it must be; another memory may have got the name since.
    :return: False if it is in use; True if there is nothing more to do about it.
    """
    try:
        fd = os.open(FOLDER + name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return True  # gone, or not ours to open
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        there = os.fstat(fd).st_ino
        if inode in (None, there) and os.lstat(FOLDER + name).st_ino == there:
            os.unlink(FOLDER + name)
    except BlockingIOError:
        return False
    except OSError:
        pass  # unlinked meanwhile, or somebody else's
    finally:
        os.close(fd)
    return True


def clear(prefix: str) -> bool:
    """Unlink what of a family's memory nobody uses; whether any is left."""
    gone = [_clear(entry, prefix) for entry in os.listdir(FOLDER) if entry.startswith(prefix)]
    return not all(gone)


def _clear(entry: str, prefix: str) -> bool:
    try:
        noted = os.readlink(FOLDER + entry)
    except OSError:
        return unlink_unused(entry)
    inode = entry.removeprefix(prefix + "n")
    if inode.isdecimal() and not unlink_unused(noted, int(inode)):
        return False
    try:
        os.unlink(FOLDER + entry)
    except OSError:
        pass
    return True


def address(prefix: str) -> str:
    """The abstract socket by which a family knows its keeper."""
    return f"\0processing-keeper-{prefix}"


def bound(prefix: str) -> socket.socket | None:
    """That socket, for who will be the keeper; ``None`` if there is one."""
    sign = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        sign.bind(address(prefix))
    except OSError:
        sign.close()
        return None
    return sign


def _main(prefix: str, sign_fd: int, root: int) -> None:
    if os.fork():
        os._exit(0)
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sign: socket.socket | None = socket.socket(fileno=sign_fd)
    death = select.poll()
    death.register(root, select.POLLIN)
    death.poll()
    while sign is not None:
        while clear(prefix):
            time.sleep(PAUSE)
        sign.close()
        sign = bound(prefix) if clear(prefix) else None


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
