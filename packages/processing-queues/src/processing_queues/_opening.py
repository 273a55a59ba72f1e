"""What comes before a connection over a socket is good, on either side."""

from __future__ import annotations

import socket
from collections.abc import Callable

from processing_core.annotations import TYPE_CHECKING
from processing_queues._authentication import Exchange, mutual
from processing_queues._connection import Connection

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["Handshake", "Opening", "new_socket", "opening"]

Handshake = Callable[[Connection], object]
"""Does what is to be done before a connection is good, as far as that goes without waiting.

It raises `BlockingIOError` as long as something is missing; then it is called again.
"""

Opening = Callable[[socket.socket], tuple[Connection, Handshake]]
"""Makes a connection of a socket, which belongs to it from then on; it does not block yet."""


def new_socket(family: str) -> socket.socket:
    """A stream socket that blocks, whatever ``socket.setdefaulttimeout`` says."""
    made = socket.socket(getattr(socket, family))
    made.setblocking(True)
    return made


def opening(
    stream: socket.socket,
    key: bytes | None,
    *,
    listens: bool,
    md5: bool = False,
    ssl: SSLContext | None = None,
    hostname: str | None = None,
) -> tuple[Connection, Handshake]:
    """The connection over a connected socket, which it owns from now on, and what comes before it is good.

    The connection does not block before `Handshake` is done.

    :param key: what the other side must know; ``None`` asks for nothing.
    :param listens: whether this is the listener's side.
    :param md5: whether the other side may be Python 3.11's ``multiprocessing``.
    :param ssl: speak TLS, first of all.
    :param hostname: whom the listener's certificate must name.
    :raises ssl.SSLError: if ``ssl`` is for the other side.
    :raises ValueError: if ``ssl`` wants to know the host's name.
    """
    exchange = _nothing if key is None else Exchange(mutual(key, asks_first=listens, md5=md5)).advance
    stream.setblocking(False)
    if stream.family != socket.AF_UNIX:
        # Each message is written in one piece: nothing is gained by waiting for more.
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if ssl is None:
        return Connection(stream.detach()), exchange
    from processing_queues._tls import Tls, TlsConnection

    tls = Tls(ssl, listens=listens, hostname=hostname)
    connection = TlsConnection(stream.detach(), tls)

    def encrypted(_: Connection) -> None:
        connection.shake()
        exchange(connection)

    return connection, encrypted


def _nothing(connection: Connection) -> None: ...
