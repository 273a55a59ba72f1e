"""Sockets that travel in the family: their descriptors do."""

from __future__ import annotations

import socket

from processing_core._descriptors import Descriptor, Lent
from processing_core.annotations import Any

__all__ = ["reduce_socket"]


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
    return arrived
