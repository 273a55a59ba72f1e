"""What comes before a connection over a socket is good, on either side."""

from __future__ import annotations

import _socket
import socket
from collections.abc import Callable

from processing_core.annotations import TYPE_CHECKING, Literal, TypeAlias
from processing_core.lowlevel import Descriptor, above_standard, limit_named
from processing_queues._authentication import Exchange, Steps, multiprocessing_mutual
from processing_queues._connection import Connection
from processing_queues._handshake import keyless, mutual
from processing_queues._keyless import KeylessConnection
from processing_queues._platform import begins_anew, pipe_socket, set_blocking

if TYPE_CHECKING:
    from ssl import SSLContext

    from processing_queues._tls import Tls

__all__ = ["Handshake", "HandshakeStart", "begin_handshake", "moved", "new_socket"]

Handshake = Callable[[Connection], object]
"""Does what is to be done before a connection is good, as far as that goes without waiting.

It raises `BlockingIOError` as long as something is missing; then it is called again.
"""

Protocol: TypeAlias = 'Literal["processing", "multiprocessing"]'
"""Whose handshake."""

HandshakeStart = Callable[[socket.socket], tuple[Connection, Handshake]]
"""Makes a connection of a socket, which belongs to it from then on; it does not block yet."""


def new_socket(family: str) -> socket.socket:
    """A stream socket that blocks, whatever ``socket.setdefaulttimeout`` has set."""
    with limit_named():
        made = pipe_socket() if family == "AF_PIPE" else moved(socket.socket(getattr(socket, family)))
    made.setblocking(True)
    return made


def moved(made: socket.socket) -> socket.socket:
    """The socket; if its descriptor is a standard stream's, which the program had closed, one in its place."""
    return made if made.fileno() > 2 else socket.socket(fileno=above_standard(made.detach()))


def begin_handshake(
    stream: socket.socket,
    key: bytes | None,
    *,
    listens: bool,
    protocol: Protocol = "processing",
    md5: bool = False,
    ssl: SSLContext | None = None,
    hostname: str | None = None,
) -> tuple[Connection, Handshake]:
    """The connection over a connected socket, which it owns from now on, and what comes before it is good.

    The connection does not block before `Handshake` is done.

    :param key: what the other side must know; ``None`` asks for nothing.
    :param listens: whether this is the listener's side.
    :param protocol: by which handshake.
    :param md5: whether the other side may be Python 3.11's ``multiprocessing``.
    :param ssl: speak TLS, first of all.
    :param hostname: the host that the listener's certificate must name.
    :raises ssl.SSLError: if ``ssl`` is for the other side.
    :raises ValueError: if ``ssl`` wants to know the host's name.
    """
    stream.setblocking(False)
    begins_anew(stream.fileno())
    set_blocking(stream.fileno(), False)
    if stream.family.name != "AF_UNIX":
        # Each message is written in one piece: nothing is gained by waiting for more.
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if ssl is not None:
        return _encrypted(stream, ssl, hostname, key, listens, protocol, md5)
    if key is None and protocol == "processing":
        return KeylessConnection(_given_up(stream)), _check
    if key is None:
        return Connection(_given_up(stream)), lambda _: None
    return Connection(_given_up(stream)), Exchange(_steps(key, listens, protocol, md5)).advance


def _given_up(stream: socket.socket) -> Descriptor:
    """The descriptor of a socket, which has none from then on; the pipes of Windows have a method of their own."""
    in_c = isinstance(stream, _socket.socket)  # `socket.socket`'s runs bytecode afterwards, where a handler may raise
    return Descriptor.of(_socket.socket.detach if in_c else type(stream).detach, stream)


def _encrypted(
    stream: socket.socket,
    ssl: SSLContext,
    hostname: str | None,
    key: bytes | None,
    listens: bool,
    protocol: Protocol,
    md5: bool,
) -> tuple[Connection, Handshake]:
    from processing_queues._tls import Tls, TlsConnection

    tls = Tls(ssl, listens=listens, hostname=hostname)
    connection = TlsConnection(_given_up(stream), tls)
    if key is not None:
        steps = _steps(key, listens, protocol, md5, tls)
    elif protocol == "processing":
        steps = keyless(listens=listens)
    else:
        return connection, lambda _: connection.do_handshake()
    exchange = Exchange(steps)

    def handshake(_: Connection) -> None:
        connection.do_handshake()
        exchange.advance(connection)

    return connection, handshake


def _steps(key: bytes, listens: bool, protocol: Protocol, md5: bool, tls: Tls | None = None) -> Steps:
    if protocol == "multiprocessing":
        return multiprocessing_mutual(key, listens=listens, md5=md5)
    if tls is None:
        return mutual(key, listens=listens)
    return mutual(key, listens=listens, listener_first=True, session=tls.binding)


def _check(connection: Connection) -> None:
    if isinstance(connection, KeylessConnection):
        connection.check()
