"""The streams that managers serve over."""

from __future__ import annotations

from contextlib import suppress

from processing_queues import Connection

__all__ = ["hang_up"]


def hang_up(connection: Connection) -> None:
    """End a stream for both sides, even for a thread that waits for it; the caller must close it as well."""
    with suppress(OSError):  # the other side is gone
        connection._hang_up()
