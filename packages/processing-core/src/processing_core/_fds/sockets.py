"""Sockets that are sent to processes of the family: their descriptors are."""

from __future__ import annotations

import socket

from processing_core._fds.descriptors import Descriptor, Lent, limit_named
from processing_core._native import _kernel
from processing_core.annotations import Any

__all__ = ["above_standard", "datagrams", "pair", "reduce_socket"]


def above_standard(made: socket.socket) -> socket.socket:
    """The socket; one in its place if its descriptor is a standard stream's, which the program had closed."""
    if made.fileno() > 2:
        return made
    family, kind, proto, timeout = made.family, made.type, made.proto, made.gettimeout()
    moved = socket.socket(family, kind, proto, _kernel.above_standard(made.detach()))
    moved.settimeout(timeout)
    return moved


def datagrams() -> socket.socket:
    """A Unix socket for datagrams that blocks, whatever ``socket.setdefaulttimeout`` has set."""
    with limit_named():
        made = above_standard(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    made.settimeout(None)
    return made


def pair(kind: int = socket.SOCK_STREAM) -> tuple[socket.socket, socket.socket]:
    """A pair of Unix sockets, none of which has a standard stream's descriptor."""
    with limit_named():
        one, other = socket.socketpair(socket.AF_UNIX, kind)
        try:
            one = above_standard(one)
            return one, above_standard(other)
        except BaseException:
            one.close()
            other.close()
            raise


def reduce_socket(sent: socket.socket) -> tuple[Any, ...]:
    """What ``__reduce__`` of a socket would return.

    :raises ValueError: if it is closed.
    """
    if sent.fileno() < 0:
        raise ValueError(f"a closed socket cannot be sent: {sent!r}")
    return _arrived, (Lent(sent.fileno()), sent.family, sent.type, sent.proto, sent.gettimeout())


def _arrived(descriptor: Descriptor | Lent, family: int, kind: int, proto: int, timeout: float | None) -> socket.socket:
    arrived = socket.socket(family, kind, proto, descriptor.detach())
    arrived.settimeout(timeout)
    return above_standard(arrived)
