"""macOS: the credentials of a local socket's peer, unix(4).  This has not run."""

from __future__ import annotations

import os
import struct

from processing_core.annotations import TYPE_CHECKING
from processing_core.lowlevel import write_parts

if TYPE_CHECKING:
    import _socket
    import socket

__all__ = [
    "default_family",
    "families",
    "get_blocking",
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


_SOL_LOCAL, _LOCAL_PEERCRED, _LOCAL_PEERPID = 0, 1, 2
_XUCRED = struct.Struct("=2I")  # the beginning of struct xucred: its version, the user


def peer(connected: socket.socket) -> tuple[int, int]:
    """(pid, user id) of the process that connected a local socket."""
    (pid,) = struct.unpack("=i", connected.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID, 4))
    _, user = _XUCRED.unpack(connected.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 76)[: _XUCRED.size])
    return pid, user
