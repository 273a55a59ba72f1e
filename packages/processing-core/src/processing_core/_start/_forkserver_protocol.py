"""What passes between a forkserver and the process that it serves.

The client sends a request over the control socket, and with it the token of the place, a socket for
what concerns this child alone, and the child's ends of its lifeline and its luggage, if it has them::

    client ──── request (token, report[, lifeline][, luggage]) ──▶ server      control socket
    client ◀─── BORN pid (pidfd)   or   FAILED errno ───────────── server      report socket
    client ◀─── EXITED code ────────────────────────────────────── server      report socket

Every message is far below what the system takes in one piece, and is read in one piece.  Requests
need no lock, since no answer comes over the socket that they share.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from processing_core import _rights

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

_REQUEST = struct.Struct("=iQ??64s")  # slot, serial, whether a lifeline and a luggage come along, name
_REPORT = struct.Struct("=ci")


class Request(NamedTuple):
    """A child that shall be born."""

    slot: int
    serial: int
    name: str
    token: int
    report: int
    lifeline: int  # -1: none
    luggage: int  # -1: none


def send_request(control: socket.socket, request: Request) -> None:
    """Ask for a child.

    :raises OSError: if the server is gone.
    """
    optional = [request.lifeline, request.luggage]
    message = _REQUEST.pack(request.slot, request.serial, *(fd >= 0 for fd in optional), _name_bytes(request.name))
    _rights.send(control, message, [request.token, request.report, *(fd for fd in optional if fd >= 0)])


def receive_request(control: socket.socket) -> Request | None:
    """The next request; ``None`` if the client is gone.  Blocks."""
    message, descriptors = _rights.receive(control, _REQUEST.size, 4)
    if not message:
        return None
    slot, serial, has_lifeline, has_luggage, name = _REQUEST.unpack(message)
    luggage = descriptors.pop() if has_luggage else -1
    lifeline = descriptors.pop() if has_lifeline else -1
    token, report = descriptors
    return Request(slot, serial, name.rstrip(b"\0").decode(errors="replace"), token, report, lifeline, luggage)


def send_report(report: socket.socket, kind: bytes, value: int, *descriptors: int) -> None:
    """Tell the client about a child; nothing happens if it does not listen any more."""
    try:
        _rights.send(report, _REPORT.pack(kind, value), descriptors)
    except OSError:
        pass  # it has dropped the process, or is gone


def receive_report(report: int) -> tuple[bytes, int, int] | None:
    """What the server has to tell: (kind, value, descriptor or -1); ``None`` if it is gone.

    Blocks.

    :param report: The descriptor of the socket that went with the request.
    """
    with _borrowed(report) as connection:
        message, descriptors = _rights.receive(connection, _REPORT.size, 1)
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


@contextmanager
def _borrowed(fd: int) -> Iterator[socket.socket]:
    connection = socket.socket(fileno=fd)
    try:
        yield connection
    finally:
        connection.detach()


def _name_bytes(name: str) -> bytes:
    return name.encode(errors="replace")[:64]
