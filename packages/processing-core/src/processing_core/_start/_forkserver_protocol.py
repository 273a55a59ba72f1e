"""What passes between a forkserver and the process that it serves.

The client sends a request over the control socket, and with it the token of the place, a socket for
what concerns this child alone, and the child's end of its lifeline if it has one::

    client ──── request (token, report socket[, lifeline]) ────▶ server      control socket
    client ◀─── BORN pid (pidfd)   or   FAILED errno ─────────── server      report socket
    client ◀─── EXITED code ──────────────────────────────────── server      report socket

Every message is far below what the system takes in one piece, and is read in one piece.  Requests
need no lock, since no answer comes over the socket that they share.
"""

import array
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

__all__ = [
    "BORN",
    "EXITED",
    "FAILED",
    "Request",
    "peek_report",
    "receive_report",
    "receive_request",
    "send_report",
    "send_request",
]

BORN = b"B"
EXITED = b"X"
FAILED = b"F"

_REQUEST = struct.Struct("=iQ64s")
_REPORT = struct.Struct("=ci")


class Request(NamedTuple):
    """A child that shall be born."""

    slot: int
    serial: int
    name: str
    token: int
    report: int
    lifeline: int  # -1: none


def send_request(control: socket.socket, request: Request) -> None:
    """Ask for a child.

    :raises OSError: if the server is gone.
    """
    message = _REQUEST.pack(request.slot, request.serial, _name_bytes(request.name))
    descriptors = [request.token, request.report, request.lifeline]
    socket.send_fds(control, [message], [fd for fd in descriptors if fd >= 0])


def receive_request(control: socket.socket) -> Request | None:
    """The next request; ``None`` if the client is gone.  Blocks."""
    message, descriptors = _receive(control, _REQUEST.size, 3)
    if not message:
        return None
    slot, serial, name = _REQUEST.unpack(message)
    token, report, lifeline = (*descriptors, -1)[:3]
    return Request(slot, serial, name.rstrip(b"\0").decode(errors="replace"), token, report, lifeline)


def send_report(report: socket.socket, kind: bytes, value: int, *descriptors: int) -> None:
    """Tell the client about a child; nothing happens if it does not listen any more."""
    try:
        socket.send_fds(report, [_REPORT.pack(kind, value)], descriptors)
    except OSError:
        pass  # it has dropped the process, or is gone


def receive_report(report: int) -> tuple[bytes, int, int] | None:
    """What the server has to tell: (kind, value, descriptor or -1); ``None`` if it is gone.

    Blocks.

    :param report: The descriptor of the socket that went with the request.
    """
    with _borrowed(report) as connection:
        message, descriptors = _receive(connection, _REPORT.size, 1)
    if not message:
        return None
    kind, value = _REPORT.unpack(message)
    return kind, value, (*descriptors, -1)[0]


def peek_report(report: int) -> int | None:
    """The value that the server has to tell, left there for other threads; ``None`` if it is gone.

    Blocks.  For reports without a descriptor.
    """
    with _borrowed(report) as connection:
        message = connection.recv(_REPORT.size, socket.MSG_PEEK)
    return _REPORT.unpack(message)[1] if message else None


def _receive(connection: socket.socket, size: int, most: int) -> tuple[bytes, list[int]]:
    # ``socket.recv_fds`` takes no flags on CPython 3.11, and lets programs that are executed inherit what it receives.
    descriptors = array.array("i")
    space = socket.CMSG_LEN(most * descriptors.itemsize)
    message, ancillary, _, _ = connection.recvmsg(size, space, socket.MSG_CMSG_CLOEXEC)
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return message, descriptors.tolist()


@contextmanager
def _borrowed(fd: int) -> Iterator[socket.socket]:
    connection = socket.socket(fileno=fd)
    try:
        yield connection
    finally:
        connection.detach()


def _name_bytes(name: str) -> bytes:
    return name.encode(errors="replace")[:64]
