"""How objects and descriptors travel between processes."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from processing_core.annotations import IO, Any
from processing_core.lowlevel import Descriptor, PipeEnd
from processing_core.lowlevel import ForkingPickler as ForkingPickler
from processing_queues import Connection

__all__ = ["ForkingPickler", "register", "dump", "send_handle", "recv_handle", "DupFd"]

register: Callable[[type[Any], Callable[[Any], Any]], None] = ForkingPickler.register


def dump(obj: Any, file: IO[bytes], protocol: int | None = None) -> None:
    """Pickle an object into a file.  Blocks as the file does.

    :param protocol: pickle's; ``None`` for its default.
    :raises Exception: whatever the pickling raises.
    """
    ForkingPickler(file, protocol).dump(obj)


def send_handle(conn: Connection, handle: int, destination_pid: int | None) -> None:
    """Send a copy of a descriptor over a connection, to one who calls `recv_handle`.

    Blocks while the receiver is behind.

    :param conn: one end of a pipe, or of a connection by a socket in the file system.
    :param destination_pid: for ``multiprocessing``'s signature; means nothing.
    :raises OSError: if the connection carries no descriptors, or the receiver is gone.
    """
    if isinstance(conn, PipeEnd):
        conn.send(DupFd(handle))
        return
    with _socket_of(conn) as carrier:
        socket.send_fds(carrier, [b"H"], [handle])


def recv_handle(conn: Connection) -> int:
    """Receive a descriptor that was sent by `send_handle`; it is the caller's to close.

    Blocks until there is one.

    :raises EOFError: if the other side is gone.
    :raises OSError: if the connection carries no descriptors.
    :raises HandleError: if the sender went before the descriptor was fetched.
    """
    if isinstance(conn, PipeEnd):
        sent = conn.recv()
        if not isinstance(sent, Descriptor):
            raise OSError("what was received is no descriptor")
        return sent.detach()
    with _socket_of(conn) as carrier:
        message, descriptors, _, _ = socket.recv_fds(carrier, 1, 1)
    if not message:
        raise EOFError
    if not descriptors:
        raise OSError("what was received is no descriptor")
    os.set_inheritable(descriptors[0], False)
    return descriptors[0]


def DupFd(fd: int) -> Descriptor:
    """A copy of a descriptor that can be part of a process which is being started.

    Does not block.

    :return: an object whose ``detach()`` gives the number, which is the caller's to close from then on.
    :raises OSError: if ``fd`` is not open.
    """
    return Descriptor(os.dup(fd))


def _socket_of(conn: Connection) -> socket.socket:
    return socket.socket(fileno=os.dup(conn.fileno()))
