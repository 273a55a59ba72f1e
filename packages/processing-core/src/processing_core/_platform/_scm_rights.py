"""Messages that carry descriptors over a Unix socket (``SCM_RIGHTS``, unix(7)).

`socket` derives its class from the one that is used here; to import it takes another 5 ms.
"""

from __future__ import annotations

import _socket
import array
import os
import struct
from collections.abc import Callable, Sequence

from processing_core._native import _kernel
from processing_core.annotations import Any, NamedTuple

__all__ = [
    "MESSAGES",
    "Received",
    "Sender",
    "ask_for_senders",
    "forget_address",
    "receive",
    "receive_from",
    "send",
]

MESSAGES: int = getattr(_socket, "SOCK_SEQPACKET", _socket.SOCK_STREAM)
"""The kind of socket that carries a forkserver's messages."""

_NO_SIGNAL: int = getattr(_socket, "MSG_NOSIGNAL", 0)  # a program may have reset SIGPIPE, which Python ignores
_STANDARD = 2
"""The last of the standard streams' descriptors."""
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


class Received(list[int]):
    """The descriptors that came with a message; those that were not taken are closed with this object.

    They are its own as soon as the system has handed them over: a signal handler may raise behind that call.
    """

    messages: Sequence[Any] = ()
    """What ``recvmsg`` has returned, until :meth:`unpack`."""

    def unpack(self) -> tuple[bytes, list[tuple[int, int, bytes]]]:
        """Fill it with the message's descriptors, none of which is a standard stream's then.

        :return: the message, and its ancillary data.
        """
        message, ancillary, *_ = self.messages[0]
        numbers = _numbers(ancillary)
        self[:], self.messages = numbers, ()
        for i, fd in enumerate(numbers):
            if fd <= _STANDARD:
                self[i] = -1  # closed if it cannot be moved
                self[i] = _kernel.above_standard(fd)
        return message, ancillary

    def take(self) -> list[int]:
        """The numbers, which are the caller's to close from now on."""
        numbers = list(self)
        self[:] = ()
        return numbers

    def __del__(self, _close: Callable[[int], None] = os.close) -> None:
        for _, ancillary, *_ in self.messages:
            self.extend(_numbers(ancillary))
        for fd in self:
            if fd >= 0:
                _close(fd)


def _numbers(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS):
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return descriptors.tolist()


def receive_from(connection: _socket.socket, size: int, most: int) -> tuple[bytes, Received, Sender | None]:
    """As :func:`receive`, and the sender."""
    message, ancillary, received = _receive(connection, size, most)
    sender = None
    for level, kind, data in ancillary:
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_CREDENTIALS):
            pid, uid, _ = _CREDENTIALS.unpack(data[: _CREDENTIALS.size])
            sender = Sender(pid, uid)
    return message, received, sender


def forget_address(address: bytes) -> None:
    """Nothing: an abstract address is gone with its socket."""


def receive(connection: _socket.socket, size: int, most: int) -> tuple[bytes, Received]:
    """The next message, and the descriptors that came with it, which programs executed later do not inherit.

    Blocks.

    :param size: bytes of the message, at most.
    :param most: how many descriptors may come with it.
    :return: an empty message if the sender is gone; fewer descriptors than were sent if this process may not open more.
    """
    message, _, received = _receive(connection, size, most)
    return message, received


def _receive(connection: _socket.socket, size: int, most: int) -> tuple[bytes, list[tuple[int, int, bytes]], Received]:
    # ``socket.recv_fds`` takes no flags on CPython 3.11, and lets programs that are executed inherit what it receives.
    space = _socket.CMSG_SPACE(most * _INT.size) + _socket.CMSG_SPACE(_CREDENTIALS.size)
    received = Received()
    messages: list[Any] = []
    received.messages = messages
    any(map(messages.append, map(connection.recvmsg, (size,), (space,), (_socket.MSG_CMSG_CLOEXEC,))))
    return *received.unpack(), received
