"""Addresses of local sockets on systems that have none outside of the file system."""

from __future__ import annotations

import os

from processing_core.lowlevel import socket_folder

__all__ = ["private_address"]


def private_address(foreign: bool) -> str:
    """A path that no other socket has; its listener removes the file when it is closed.

    Only this user's processes may connect to it, and must then prove that they have the key.

    :param foreign: as on Windows, which has several kinds of addresses for servers.
    """
    return f"{socket_folder()}/processing-m-{os.getpid()}-{os.urandom(8).hex()}"
