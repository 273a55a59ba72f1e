"""What comes before a connection over a socket is good, on either side."""

from __future__ import annotations

import socket
from collections.abc import Callable

from processing_queues._authentication import Exchange, mutual
from processing_queues._connection import Connection

__all__ = ["Handshake", "new_socket", "opening"]

Handshake = Callable[[Connection], object]
"""Does what is to be done before a connection is good, as far as that goes without waiting.

It raises `BlockingIOError` as long as something is missing; then it is called again.
"""


def new_socket(family: str) -> socket.socket:
    """A stream socket that blocks, whatever ``socket.setdefaulttimeout`` says."""
    made = socket.socket(getattr(socket, family))
    made.setblocking(True)
    return made


def opening(
    stream: socket.socket, key: bytes | None, *, listens: bool, md5: bool = False
) -> tuple[Connection, Handshake]:
    """The connection over a connected socket, which it owns from now on, and what comes before it is good.

    The connection does not block before `Handshake` is done.

    :param key: what the other side must know; ``None`` asks for nothing.
    :param listens: whether this is the listener's side.
    :param md5: whether the other side may be Python 3.11's ``multiprocessing``.
    """
    stream.setblocking(False)
    if stream.family != socket.AF_UNIX:
        # Each message is written in one piece: nothing is gained by waiting for more.
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection = Connection(stream.detach())
    if key is None:
        return connection, _nothing
    return connection, Exchange(mutual(key, asks_first=listens, md5=md5)).advance


def _nothing(connection: Connection) -> None: ...
