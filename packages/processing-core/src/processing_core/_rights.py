"""Messages that carry descriptors over a Unix socket (``SCM_RIGHTS``, unix(7))."""

from __future__ import annotations

import array
import socket
from collections.abc import Sequence

__all__ = ["receive", "send"]


def send(
    connection: socket.socket,
    message: bytes,
    descriptors: Sequence[int],
    flags: int = 0,
    address: bytes | None = None,
) -> None:
    """Send a short message, and copies of descriptors with it; blocks while the receiver is behind.

    :param descriptors: at most 253 of them, the system's bound.
    :param address: where a socket that is not connected sends to.
    :raises OSError: if the receiver is gone, or the system refuses.
    """
    # ``socket.send_fds`` ignores flags and address.
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    connection.sendmsg([message], ancillary, flags, *(() if address is None else (address,)))


def receive(connection: socket.socket, size: int, most: int) -> tuple[bytes, list[int]]:
    """The next message, and the descriptors that came with it, which programs executed later do not inherit.

    Blocks.

    :param size: bytes of the message, at most.
    :param most: how many descriptors may come with it.
    :return: an empty message if the sender is gone; fewer descriptors than were sent if this process may not open more.
    """
    # ``socket.recv_fds`` takes no flags on CPython 3.11, and lets programs that are executed inherit what it receives.
    descriptors = array.array("i")
    space = socket.CMSG_LEN(most * descriptors.itemsize)
    message, ancillary, _, _ = connection.recvmsg(size, space, socket.MSG_CMSG_CLOEXEC)
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return message, descriptors.tolist()
