"""Linux: ``/proc``, and the credentials of a local socket's peer (unix(7))."""

from __future__ import annotations

import os

from processing_core.annotations import TYPE_CHECKING
from processing_core.lowlevel import Descriptor, opened, write_parts

if TYPE_CHECKING:
    import _socket
    import socket

__all__ = [
    "default_family",
    "families",
    "get_blocking",
    "nameless_sockets_may_work",
    "open_without_access",
    "path_of_descriptor",
    "peeked",
    "peer",
    "read",
    "set_blocking",
    "write",
]

default_family: str = "AF_UNIX"
families: list[str] = ["AF_INET", "AF_INET6", "AF_UNIX"]
"""The families of sockets that listeners and clients speak."""

read, write = os.read, write_parts
"""Read from a stream, and write several buffers into it; as much as the system has and takes at once."""

get_blocking, set_blocking = os.get_blocking, os.set_blocking
"""Whether these two wait where nothing can be read or written."""


def peeked(stream: _socket.socket, size: int) -> bytes:
    """What can be read, and stays there; does not block.

    :raises BlockingIOError: if that is nothing.
    """
    import socket

    return stream.recv(size, socket.MSG_PEEK | socket.MSG_DONTWAIT)


def open_without_access(path: str) -> Descriptor:
    """A descriptor of a file that can be neither read nor written by it: it holds the file.

    :raises OSError: if there is no such file, or the process may open no more.
    """
    return opened(path, os.O_PATH)


def path_of_descriptor(fd: int) -> str:
    """A path by which other processes of this user reach the file behind a descriptor of this process."""
    return f"/proc/{os.getpid()}/fd/{fd}"


def nameless_sockets_may_work() -> bool:
    """Whether other processes may open this process's descriptors, as far as this can be known without trying.

    Of a process that other processes may not look into, `/proc` says that it is root's.
    """
    try:
        return os.stat("/proc/self").st_uid == os.geteuid()
    except OSError:
        return False


def peer(connected: socket.socket) -> tuple[int, int]:
    """(pid, user id) of the process that connected a local socket."""
    import socket
    import struct

    pid, uid, _ = struct.unpack("3i", connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return pid, uid
