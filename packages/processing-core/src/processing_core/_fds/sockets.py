"""Sockets that are sent to processes of the family: their descriptors are."""

from __future__ import annotations

import _socket
import os
import socket
import sys

from processing_core._fds.descriptors import Descriptor, Lent, limit_named
from processing_core.annotations import Any

__all__ = ["above_standard", "datagrams", "reduce_socket"]


def above_standard(made: socket.socket) -> socket.socket:
    """The socket; one in its place if its descriptor is a standard stream's, which the program had closed."""
    if made.fileno() > 2:
        return made
    family, kind, proto, timeout = made.family, made.type, made.proto, made.gettimeout()
    return _of_descriptor(Descriptor.of(_socket.socket.detach, made), family, kind, proto, timeout)


def _of_descriptor(owner: Descriptor, family: int, kind: int, proto: int, timeout: float | None) -> socket.socket:
    """A socket with a timeout, which takes the descriptor over.

    Whether a descriptor blocks is a flag that all processes share which have it, so a socket without a timeout leaves
    it alone: another process may have begun to serve it by `asyncio`, which does not expect it to block.
    """
    # On Windows it is the object that blocks, not the socket.
    blocks = sys.platform == "win32" or os.get_blocking(owner.fileno())
    made = socket.socket(family, kind, proto, owner.fileno())
    owner.detach()  # only now: if a signal handler has raised, it notices that the socket has closed it
    if timeout is not None:
        made.settimeout(timeout)
    elif made.gettimeout() is not None:  # the program's `socket.setdefaulttimeout`
        made.settimeout(None if blocks else 0.0)
    return made


def datagrams() -> socket.socket:
    """A Unix socket for datagrams that blocks, whatever ``socket.setdefaulttimeout`` has set."""
    with limit_named():
        made = above_standard(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    made.settimeout(None)
    return made


def reduce_socket(sent: socket.socket) -> tuple[Any, ...]:
    """What ``__reduce__`` of a socket would return.

    :raises ValueError: if it is closed.
    """
    if sent.fileno() < 0:
        raise ValueError(f"a closed socket cannot be sent: {sent!r}")
    return _arrived, (Lent(sent.fileno()), sent.family, sent.type, sent.proto, sent.gettimeout())


def _arrived(descriptor: Descriptor | Lent, family: int, kind: int, proto: int, timeout: float | None) -> socket.socket:
    owner = descriptor if isinstance(descriptor, Descriptor) else Descriptor(descriptor.detach())
    return _of_descriptor(owner, family, kind, proto, timeout)
