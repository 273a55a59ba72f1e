"""Messages that carry descriptors, on systems that lack Linux's flags and options for them.

There is no socket of messages that also tells of its end, so those of a forkserver go over streams: each is of one
length, is sent in one piece and read in one piece.  The system does not tell who has sent a datagram, so the file of a
socket is for this user alone.
"""

from __future__ import annotations

import _socket
import os

from processing_core._platform import _scm_rights
from processing_core._platform._posix import forget_address
from processing_core._platform._scm_rights import Sender, send
from processing_core.annotations import Any

__all__ = ["MESSAGES", "Sender", "ask_for_senders", "forget_address", "receive", "receive_from", "send"]

MESSAGES = _socket.SOCK_STREAM
"""The kind of socket that carries a forkserver's messages."""

_INT_SIZE = 4


def ask_for_senders(connection: _socket.socket) -> None:
    """Nothing: see :func:`receive_from`."""


def receive_from(connection: _socket.socket, size: int, most: int) -> tuple[bytes, list[int], Sender | None]:
    """As :func:`receive`, and the sender, of which it is known only that it may write to the socket's file."""
    message, descriptors = receive(connection, size, most)
    return message, descriptors, Sender(0, os.geteuid())


def receive(connection: _socket.socket, size: int, most: int) -> tuple[bytes, _scm_rights.Received]:
    """The next message, and the descriptors that came with it, which programs executed later do not inherit.

    Blocks.

    :param size: bytes of the message, at most.
    :param most: how many descriptors may come with it.
    :return: an empty message if the sender is gone; fewer descriptors than were sent if this process may not open more.
    """
    # A program that another thread executes between the two calls inherits them.
    received = _scm_rights.Received()
    messages: list[Any] = []
    received.messages = messages
    any(map(messages.append, map(connection.recvmsg, (size,), (_socket.CMSG_SPACE(most * _INT_SIZE),))))
    message, _ = received.unpack()
    for fd in received:
        os.set_inheritable(fd, False)
    return message, received
