"""What passes between a process, its forkserver, and the forkserver's spare children.

A request goes over the control socket, whose far end the server and all of its spares read: whichever spare waits takes
it.  With it go a socket for what concerns this child alone, and the child's ends of its lifeline and its luggage, if it
has them.  The spare hands the socket on to the server, which from then on reports over it, and then answers::

    client ─── request: parcel (report[, lifeline][, luggage]) ──▶ spare       control socket
                                     spare ─── pid (report) ─────▶ server      desk
    client ◀── BORN pid place (pidfd) ──────────────────────────── spare       report socket
    client ◀── GONE ────────────────────────────────────────────── spare       report socket, if nobody is at the desk
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

__all__ = [
    "BORN",
    "EXITED",
    "FAILED",
    "GONE",
    "peek_report",
    "refuse_request",
    "receive_taken",
    "send_report",
]

BORN = b"B"
EXITED = b"X"
FAILED = b"F"
GONE = b"G"

# What clients and spares say, the kernel writes: kernel/spare_linux.c.
_REQUEST = struct.Struct("=??6xQII")  # whether a lifeline and a luggage come along; the parcel's family and cell
_TAKEN = struct.Struct("=i")
_REPORT = struct.Struct("=ciiQ")


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
