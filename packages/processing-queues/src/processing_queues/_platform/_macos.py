"""macOS: the credentials of a local socket's peer, unix(4).  This has not run."""

from __future__ import annotations

import struct

from processing_core.annotations import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

__all__ = ["peer"]

_SOL_LOCAL, _LOCAL_PEERCRED, _LOCAL_PEERPID = 0, 1, 2
_XUCRED = struct.Struct("=2I")  # the beginning of struct xucred: its version, the user


def peer(connected: socket.socket) -> tuple[int, int]:
    """(pid, user id) of the process that connected a local socket."""
    (pid,) = struct.unpack("=i", connected.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID, 4))
    _, user = _XUCRED.unpack(connected.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 76)[: _XUCRED.size])
    return pid, user
