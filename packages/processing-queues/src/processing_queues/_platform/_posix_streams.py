"""POSIX: a stream is a socket; there are no pipes with names of their own."""

from __future__ import annotations

from processing_core.annotations import TYPE_CHECKING
from processing_core.lowlevel import borrowed_socket

if TYPE_CHECKING:
    import socket

__all__ = ["borrowed_stream", "pipe_socket"]

borrowed_stream = borrowed_socket
"""A socket object for a socket that stays its owner's, for the body of a ``with``."""


def pipe_socket() -> socket.socket:
    """:raises OSError: always: no address here is a pipe's."""
    raise OSError("only Windows has AF_PIPE")
