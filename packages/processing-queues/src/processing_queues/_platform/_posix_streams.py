"""POSIX: a stream is a socket; there are no pipes with names of their own."""

from __future__ import annotations

from processing_core.annotations import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

__all__ = ["pipe_socket", "stream_of"]


def pipe_socket() -> socket.socket:
    """:raises OSError: always: no address here is a pipe's."""
    raise OSError("only Windows has AF_PIPE")


def stream_of(fd: int) -> socket.socket:
    """A socket object for a socket that stays its owner's; its ``detach`` is to be called."""
    import socket

    return socket.socket(fileno=fd)
