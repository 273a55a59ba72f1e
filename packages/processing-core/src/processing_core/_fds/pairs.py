"""Pairs of Unix sockets for the messages between our own processes, made without `socket`, whose import takes 5 ms."""

from __future__ import annotations

import _socket

from processing_core._fds.descriptors import limit_named
from processing_core._native import _kernel

__all__ = ["pair"]


def pair(kind: int = _socket.SOCK_STREAM) -> tuple[_socket.socket, _socket.socket]:
    """A pair of sockets, none of which has a standard stream's descriptor."""
    with limit_named():
        one, other = _socket.socketpair(_socket.AF_UNIX, kind)
        try:
            one = _above_standard(one)
            return one, _above_standard(other)
        except BaseException:
            one.close()
            other.close()
            raise


def _above_standard(made: _socket.socket) -> _socket.socket:
    if made.fileno() > 2:
        return made
    family, kind, proto = made.family, made.type, made.proto
    return _socket.socket(family, kind, proto, _kernel.above_standard(made.detach()))
