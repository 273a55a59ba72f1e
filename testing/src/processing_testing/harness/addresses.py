"""What tests of local sockets' addresses need."""

from __future__ import annotations

import pytest

from processing_core.lowlevel import SOCKET_FILES

__all__ = ["needs_abstract_addresses"]

needs_abstract_addresses = pytest.mark.skipif(
    SOCKET_FILES, reason="on this system the addresses of local sockets are files, which only their user can open"
)
