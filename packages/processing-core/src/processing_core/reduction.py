"""How objects and descriptors are sent to other processes: the names of ``multiprocessing.reduction``."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterable

from processing_core._fds.descriptors import Descriptor, borrowed_socket, duplicate, scarcity
from processing_core._native import _kernel
from processing_core._reducers import ForkingPickler as ForkingPickler
from processing_core.annotations import IO, TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import _socket
    import socket

__all__ = [
    "ForkingPickler",
    "AbstractReducer",
    "register",
    "dump",
    "DupFd",
    "send_handle",
    "recv_handle",
    "sendfds",
    "recvfds",
    "HAVE_SEND_HANDLE",
    "ACKNOWLEDGE",
]

HAVE_SEND_HANDLE = True
"""Whether this system lets processes send descriptors to each other."""

ACKNOWLEDGE = False
"""Whether the sender of descriptors waits until they were received."""

register: Callable[[type[Any], Callable[[Any], Any]], None] = ForkingPickler.register


class HasFileno(Protocol):
    """A connection, or a socket."""

    def fileno(self) -> int: ...


def dump(obj: Any, file: IO[bytes], protocol: int | None = None) -> None:
    """Pickle an object into a file.  Blocks as the file does.

    :param protocol: pickle's; ``None`` for its default.
    :raises Exception: whatever the pickling raises.
    """
    ForkingPickler(file, protocol).dump(obj)


def DupFd(fd: int) -> Descriptor:
    """A copy of a descriptor that can be sent to another process.

    Does not block.

    :return: an object whose ``detach()`` gives the number, which is the caller's to close from then on.
    :raises OSError: if ``fd`` is not open.
    """
    return Descriptor.of(duplicate, fd)


def send_handle(conn: HasFileno, handle: int, destination_pid: int | None) -> None:
    """Send a copy of a descriptor over a connection, to a process that calls `recv_handle`.

    Blocks while the connection's buffer is full.

    :param conn: one end of a pipe, or of a connection by a socket in the file system; on Windows of any connection
        between processes of this family.
    :param destination_pid: for ``multiprocessing``'s signature; means nothing.
    :raises OSError: if the connection carries no descriptors, or the receiver is gone.
    """
    if (objects := _of_objects(conn)) is not None:
        objects.send(DupFd(handle))
        return
    with borrowed_socket(conn.fileno()) as carrier:
        _send(carrier, [handle])


def recv_handle(conn: HasFileno) -> int:
    """Receive a descriptor that was sent by `send_handle`; it is the caller's to close.

    Blocks until there is one.

    :raises EOFError: if the other side is gone.
    :raises OSError: if the connection carries no descriptors.
    :raises HandleError: if the sender went before the descriptor was fetched.
    """
    if (objects := _of_objects(conn)) is not None:
        sent = objects.recv()
        if not isinstance(sent, Descriptor):
            raise OSError("what was received is no descriptor")
        return sent.detach()
    with borrowed_socket(conn.fileno()) as carrier:
        return _receive(carrier, 1)[0]


def _of_objects(conn: HasFileno) -> Any:
    """The connection, if descriptors are pickled for it; else ``None``: then its socket carries them."""
    pickles = isinstance(conn, _kernel.PipeEnd) or (sys.platform == "win32" and hasattr(conn, "recv_bytes"))
    return conn if pickles else None


def _check_sockets() -> None:
    if sys.platform == "win32":
        raise OSError(errno.EOPNOTSUPP, "sockets carry no descriptors on Windows")


def reduce_socket(sock: socket.socket) -> tuple[Any, ...]:
    """What pickle makes of a socket: a function that makes the copy, and its arguments.

    The copy is made once, by the process that unpickles it first.
    """
    from processing_core._fds import sockets  # here, for it imports `socket`

    return sockets.reduce_socket(sock)


def sendfds(sock: socket.socket, fds: Iterable[int]) -> None:
    """Send copies of descriptors over a socket of the family ``AF_UNIX``, to a process that calls `recvfds`.

    Blocks while the connection's buffer is full.

    :raises OSError: if the socket carries no descriptors, or the receiver is gone.
    """
    _send(sock, list(fds))


def _send(sock: _socket.socket, fds: list[int]) -> None:
    _check_sockets()
    from processing_core._platform import scm_rights  # here, as below, for few programs need it

    scm_rights.send(sock, bytes([len(fds) % 256]), fds)


def recvfds(sock: socket.socket, size: int) -> list[int]:
    """Receive descriptors that were sent by `sendfds`; they are the caller's to close.

    Blocks until they are there.

    :param size: how many were sent.
    :raises EOFError: if the other side is gone.
    :raises OSError: if others, or none, arrived; those are closed.
    """
    return _receive(sock, size)


def _receive(sock: _socket.socket, size: int) -> list[int]:
    _check_sockets()
    from processing_core._platform import scm_rights

    message, descriptors = scm_rights.receive(sock, 1, size)
    if not message and not descriptors:
        raise EOFError
    if len(descriptors) != size:
        if message[:1] == bytes([size % 256]) and len(descriptors) < size:
            raise scarcity()  # the system dropped the others
        raise OSError(f"{size} descriptors were to be received, and {len(descriptors)} arrived")
    return descriptors.take()


class AbstractReducer:
    """What a program derives a reducer of its own from, which it then sets as a context's ``reducer``.

    ``ForkingPickler`` pickles what goes to other processes from then on; see `BaseContext.reducer`.
    """

    ForkingPickler: type[ForkingPickler] = ForkingPickler
    register: staticmethod[[type[Any], Callable[[Any], Any]], None] = staticmethod(register)
    dump: staticmethod[[Any, IO[bytes], int | None], None] = staticmethod(dump)
    send_handle: staticmethod[[HasFileno, int, int | None], None] = staticmethod(send_handle)
    recv_handle: staticmethod[[HasFileno], int] = staticmethod(recv_handle)
    sendfds: staticmethod[[socket.socket, Iterable[int]], None] = staticmethod(sendfds)
    recvfds: staticmethod[[socket.socket, int], list[int]] = staticmethod(recvfds)
    DupFd: staticmethod[[int], Descriptor] = staticmethod(DupFd)

    def __init__(self, *args: object) -> None:
        """:param args: for ``multiprocessing``'s signature; mean nothing."""
