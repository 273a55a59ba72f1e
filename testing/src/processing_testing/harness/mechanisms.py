"""Marks of tests whose subject only some systems have."""

from __future__ import annotations

import pytest

from processing_core.lowlevel import SOCKET_FILES

__all__ = ["needs_abstract_addresses", "needs_doorbells_opened_again", "needs_memory_opened_again"]

needs_abstract_addresses = pytest.mark.skipif(
    SOCKET_FILES, reason="on this system the addresses of local sockets are files, which only their user can open"
)

needs_memory_opened_again = pytest.mark.skipif(
    SOCKET_FILES, reason="this system opens no second descriptor of shared memory whose only one was closed"
)

needs_doorbells_opened_again = pytest.mark.skipif(
    SOCKET_FILES,
    reason="on this system a receiver cannot ring its own doorbell, so a sender rings it for every message",
)
