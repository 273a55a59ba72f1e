"""What passes between a process, its forkserver, and the forkserver's spare children.

A request goes over the control socket, whose far end the server and all of its spares read: whichever spare waits takes
it.  With it go a socket for what concerns this child alone, and the child's ends of its lifeline and its luggage, if it
has them.  The spare hands the socket on to the server, which from then on reports over it, and then answers::

    client ─── request: parcel (report[, lifeline][, luggage]) ──▶ spare       control socket
                                     spare ─── pid (report) ─────▶ server      desk
    client ◀── BORN pid place (pidfd) ──────────────────────────── spare       report socket
    client ◀── FAILED errno ────────────────────────────────────── server      report socket, if it cannot fork
    client ◀── EXITED code ─────────────────────────────────────── server      report socket

Nothing of the program has run before BORN is sent, so that a client which reads anything else may ask again.  Every
message is far below what the system takes in one piece, and is read in one piece.  Requests need no lock, since no
answer comes over the socket that they share.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from processing_core import _rights
from processing_core._native import _kernel
from processing_core._start._child import Place
from processing_core.annotations import NamedTuple

__all__ = [
    "BORN",
    "EXITED",
    "FAILED",
    "Report",
    "peek_report",
    "receive_report",
    "refuse_request",
    "receive_taken",
    "send_report",
    "send_request",
]

BORN = b"B"
EXITED = b"X"
FAILED = b"F"

_REQUEST = struct.Struct("=??6xQII")  # whether a lifeline and a luggage come along; the parcel's family and cell
# What a spare says, the kernel writes: kernel/spare_linux.c.
_TAKEN = struct.Struct("=i")
_REPORT = struct.Struct("=ciiQ")


class Report(NamedTuple):
    """What the client is told: of BORN the pid, of EXITED the code, of FAILED the errno; of BORN the child's place."""

    kind: bytes
    value: int
    place: Place
    pidfd: int  # -1: none


def send_request(control: socket.socket, parcel: _kernel.Parcel, report: int, lifeline: int, luggage: int) -> None:
    """Ask for a child.

    The parcel goes without a reference: the client holds it until it has the answer.

    :param lifeline: The child's end of it; -1 for none.
    :param luggage: Likewise.
    :raises OSError: if the server is gone.
    """
    message = _REQUEST.pack(lifeline >= 0, luggage >= 0, _kernel.family(), *parcel.cell)
    _rights.send(control, message, [report, *(fd for fd in (lifeline, luggage) if fd >= 0)])


def refuse_request(control: socket.socket, failure: int) -> None:
    """Take the next request, and tell its client why nothing will come of it."""
    _, descriptors = _rights.receive(control, _REQUEST.size, 3)
    for fd in descriptors[:1]:
        with _borrowed(fd) as report:
            send_report(report, FAILED, failure)
    for fd in descriptors:
        os.close(fd)


def receive_taken(desk: socket.socket) -> tuple[int, int] | None:
    """The pid of a spare that has taken a request, and the report socket of that; ``None`` if none waits."""
    try:
        message, (report,) = _rights.receive(desk, _TAKEN.size, 1)
    except BlockingIOError:
        return None
    return _TAKEN.unpack(message)[0], report


def send_report(report: socket.socket, kind: bytes, value: int) -> None:
    """Tell the client about a child; nothing happens if it does not listen any more."""
    try:
        _rights.send(report, _REPORT.pack(kind, value, 0, 0), [])
    except OSError:
        pass  # it has dropped the process, or is gone


def receive_report(report: int) -> Report | None:
    """What there is to be told; ``None`` if nobody is left to tell it.

    Blocks.

    :param report: The descriptor of the socket that went with the request.
    """
    with _borrowed(report) as connection:
        message, descriptors = _rights.receive(connection, _REPORT.size, 1)
    if not message:
        return None
    kind, value, *place = _REPORT.unpack(message)
    return Report(kind, value, (place[0], place[1]), (*descriptors, -1)[0])


def peek_report(report: int) -> int | None:
    """The value that the server has to tell, left there for other threads; ``None`` if it is gone.

    Blocks.  For reports without a descriptor.
    """
    with _borrowed(report) as connection:
        message = connection.recv(_REPORT.size, socket.MSG_PEEK)
    return int(_REPORT.unpack(message)[1]) if message else None


@contextmanager
def _borrowed(fd: int) -> Iterator[socket.socket]:
    connection = socket.socket(fileno=fd)
    try:
        yield connection
    finally:
        connection.detach()
