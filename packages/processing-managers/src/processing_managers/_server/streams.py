"""The streams that managers serve over."""

from __future__ import annotations

import socket
from contextlib import suppress

from processing_core.lowlevel import borrowed_socket
from processing_queues import Connection

__all__ = ["hang_up"]


def hang_up(connection: Connection) -> None:
    """End a stream for both sides, even for a thread that waits for it; the caller must close it as well."""
    with suppress(OSError, ValueError), borrowed_socket(connection.fileno()) as stream:
        stream.shutdown(socket.SHUT_RDWR)
