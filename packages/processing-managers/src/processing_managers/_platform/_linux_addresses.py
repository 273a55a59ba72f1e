"""Linux: addresses of local sockets that are in no file system (abstract names, unix(7))."""

from __future__ import annotations

import os

__all__ = ["private_address"]


def private_address(foreign: bool) -> str:
    """An address on this machine that no other socket has; nothing is left of it when its listener is closed.

    Any process may connect to it, and must then prove that it has the key.

    :param foreign: as on Windows, which has several kinds of addresses for servers.
    """
    return f"\0processing-manager-{os.getpid()}-{os.urandom(8).hex()}"
