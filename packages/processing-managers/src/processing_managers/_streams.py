"""The streams that managers serve over."""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import suppress

from processing_queues import Connection

__all__ = ["hang_up", "private_address"]


def private_address() -> str:
    """An address on this machine that nobody else has, and of which nothing is left when nobody listens any more."""
    # Linux's abstract names are in no file system.  Anyone may connect, which the key is for.
    return f"\0processing-manager-{os.getpid()}-{secrets.token_hex(8)}"


def hang_up(connection: Connection) -> None:
    """End a stream for both sides, even for a thread that waits for it; it must be closed as well."""
    with suppress(OSError, ValueError), socket.socket(fileno=os.dup(connection.fileno())) as stream:
        stream.shutdown(socket.SHUT_RDWR)
