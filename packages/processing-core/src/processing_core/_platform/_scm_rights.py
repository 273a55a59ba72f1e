"""Messages that carry descriptors over a Unix socket (``SCM_RIGHTS``, unix(7)).

`socket` derives its class from the one that is used here; to import it takes another 5 ms.
"""

from __future__ import annotations

import _socket
import array
import os
import struct
from collections.abc import Sequence

from processing_core._native import _kernel
from processing_core.annotations import NamedTuple

__all__ = [
    "MESSAGES",
    "Sender",
    "ask_for_senders",
    "descriptors_in",
    "forget_address",
    "receive",
    "receive_from",
    "send",
]

MESSAGES: int = getattr(_socket, "SOCK_SEQPACKET", _socket.SOCK_STREAM)
"""The kind of socket that carries a forkserver's messages."""

_NO_SIGNAL: int = getattr(_socket, "MSG_NOSIGNAL", 0)  # a program may have reset SIGPIPE, which Python ignores
_INT = struct.Struct("i")
_CREDENTIALS = struct.Struct("3i")


def send(
    connection: _socket.socket,
    message: bytes,
    descriptors: Sequence[int],
    flags: int = 0,
    address: bytes | None = None,
) -> None:
    """Send a short message, and copies of descriptors with it; blocks while the socket's buffer is full.

    :param descriptors: at most 253 of them, the system's bound.
    :param address: where a socket that is not connected sends to.
    :raises OSError: if the receiver is gone, or the system refuses.
    """
    # ``socket.send_fds`` ignores flags and address.
    ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    connection.sendmsg([message], ancillary, flags | _NO_SIGNAL, *(() if address is None else (address,)))


class Sender(NamedTuple):
    """The process that sent a datagram, as the system says: unix(7), ``SCM_CREDENTIALS``."""

    pid: int
    uid: int


def ask_for_senders(connection: _socket.socket) -> None:
    """Have the system add the sender's pid and user to each message, for :func:`receive_from`."""
    connection.setsockopt(_socket.SOL_SOCKET, _socket.SO_PASSCRED, 1)


def receive_from(connection: _socket.socket, size: int, most: int) -> tuple[bytes, list[int], Sender | None]:
    """As :func:`receive`, and the sender."""
    message, ancillary = _receive(connection, size, most)
    sender = None
    for level, kind, data in ancillary:
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_CREDENTIALS):
            pid, uid, _ = _CREDENTIALS.unpack(data[: _CREDENTIALS.size])
            sender = Sender(pid, uid)
    return message, descriptors_in(ancillary), sender


def forget_address(address: bytes) -> None:
    """Nothing: an abstract address is gone with its socket."""


def receive(connection: _socket.socket, size: int, most: int) -> tuple[bytes, list[int]]:
    """The next message, and the descriptors that came with it, which programs executed later do not inherit.

    Blocks.

    :param size: bytes of the message, at most.
    :param most: how many descriptors may come with it.
    :return: an empty message if the sender is gone; fewer descriptors than were sent if this process may not open more.
    """
    message, ancillary = _receive(connection, size, most)
    return message, descriptors_in(ancillary)


def _receive(connection: _socket.socket, size: int, most: int) -> tuple[bytes, list[tuple[int, int, bytes]]]:
    # ``socket.recv_fds`` takes no flags on CPython 3.11, and lets programs that are executed inherit what it receives.
    space = _socket.CMSG_SPACE(most * _INT.size) + _socket.CMSG_SPACE(_CREDENTIALS.size)
    message, ancillary, _, _ = connection.recvmsg(size, space, _socket.MSG_CMSG_CLOEXEC)
    return message, ancillary


def descriptors_in(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    """The descriptors in the ancillary data of a message, none of which is a standard stream's."""
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS):
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    moved: list[int] = []
    try:
        for fd in descriptors:
            moved.append(_kernel.above_standard(fd))  # closes what it cannot move
    except OSError:
        for fd in [*moved, *descriptors[len(moved) + 1 :]]:
            os.close(fd)
        raise
    return moved
