"""POSIX: a stream is a socket, or a pipe without a name."""

from __future__ import annotations

import errno
import os

from processing_core.annotations import TYPE_CHECKING, Any
from processing_core.lowlevel import WRITABLE, borrowed_socket, polled_now

if TYPE_CHECKING:
    import socket

__all__ = ["begins_anew", "borrowed_stream", "finish_now", "hang_up", "pipe_socket", "write_now", "writing_end"]

_ALWAYS_FITS = 4096  # bytes that a pipe takes at once if it takes any: pipe(7), PIPE_BUF

borrowed_stream = borrowed_socket
"""A socket object for a socket that stays its owner's, for the body of a ``with``."""


def begins_anew(fd: int) -> None:
    """Nothing: what a descriptor is, the system knows."""


def hang_up(fd: int) -> None:
    """End a stream for both sides, even for a thread that waits for it; the caller must close it as well."""
    import socket

    with borrowed_stream(fd) as stream:
        stream.shutdown(socket.SHUT_RDWR)


def pipe_socket() -> socket.socket:
    """:raises OSError: always: no address here is a pipe's."""
    raise OSError("only Windows has AF_PIPE")


def write_now(fd: int, parts: tuple[Any, ...]) -> int:
    """Write some bytes of the parts, as `os.writev` does, without waiting.

    :raises BlockingIOError: if nothing can be written now.
    """
    import socket

    try:
        with borrowed_socket(fd) as stream:
            return stream.sendmsg(parts, (), socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0))
    except OSError as error:
        if error.errno != errno.ENOTSOCK:
            raise
    if not polled_now(fd, WRITABLE):
        raise BlockingIOError
    return os.write(fd, b"".join(bytes(part[:_ALWAYS_FITS]) for part in parts)[:_ALWAYS_FITS])


def finish_now(fd: int) -> None:
    """Nothing: what `write_now` has written is written."""


def writing_end(fd: int) -> int:
    """The descriptor that is writable when `write_now` can go on: the same."""
    return fd
