"""The messages between a process (the client), its forkserver, and the forkserver's spare children.

The client sends a request over the control socket, whose other end the server and all of its spares read: a spare that
waits takes it.  The request carries a socket for the reports on this one child, and the child's ends of its lifeline
and of its inherited descriptors, if it has them.  The spare passes the report socket on to the server, which sends all
later reports over it; then the spare answers the client::

    client ─── request: parcel (report[, lifeline][, inherited]) ▶ spare       control socket
                                     spare ─── pid (report) ─────▶ server      server socket
    client ◀── STARTED pid slot serial (pidfd) ─────────────────── spare       report socket
    client ◀── GONE ────────────────────────────────────────────── spare       report socket, if the server is gone
    client ◀── FAILED errno ────────────────────────────────────── server      report socket, if it cannot fork
    client ◀── EXITED code ─────────────────────────────────────── server      report socket

No code of the program runs before STARTED is sent, so a client that reads anything else may send the request again.
Every message is far shorter than what the system transfers in one piece, and is read in one piece.  Requests need no
lock, because no answer is sent over the socket that they share.
"""

from __future__ import annotations

import _socket
import struct

from processing_core._fds.descriptors import borrowed_socket
from processing_core._platform import scm_rights

__all__ = [
    "EXITED",
    "FAILED",
    "GONE",
    "STARTED",
    "THREADED",
    "peek_report",
    "refuse_request",
    "receive_taken",
    "send_report",
]

STARTED = b"B"
EXITED = b"X"
FAILED = b"F"
GONE = b"G"

THREADED = 3
"""The exit code of a server in which an import has started a thread, so that it must not be forked."""

# The kernel writes the messages of clients and spares: kernel/process/server_request.c.
_REQUEST = struct.Struct("=??6xQII")  # whether a lifeline and descriptors come along; the parcel's family and cell
_TAKEN = struct.Struct("=i")
_REPORT = struct.Struct("=ciiQ")


def refuse_request(control: _socket.socket, failure: int) -> None:
    """Take the next request, and send its client the reason why no child will be started."""
    _, descriptors = scm_rights.receive(control, _REQUEST.size, 3)
    for fd in descriptors[:1]:
        with borrowed_socket(fd) as report:
            send_report(report, FAILED, failure)


def receive_taken(server_socket: _socket.socket) -> tuple[int, int | None] | None:
    """The pid of a spare that has taken a request, and the report socket of that; ``None`` if none waits.

    The socket is ``None`` if it did not arrive because this process may open no more descriptors.
    """
    try:
        message, received = scm_rights.receive(server_socket, _TAKEN.size, 1)
    except BlockingIOError:
        return None
    if not message:  # it was shut down
        return None
    descriptors = received.take()
    return _TAKEN.unpack(message)[0], descriptors[0] if descriptors else None


def send_report(report: _socket.socket, kind: bytes, value: int) -> None:
    """Send the client a report on a child; do nothing if the client does not read it any more."""
    try:
        scm_rights.send(report, _REPORT.pack(kind, value, 0, 0), [])
    except OSError:
        pass  # the client has dropped its `Process`, or is dead


def peek_report(report: int) -> int | None:
    """The value of the server's report, which stays there for other threads; ``None`` if the server is gone.

    Blocks.  For reports that carry no descriptor.
    """
    with borrowed_socket(report) as connection:
        message = connection.recv(_REPORT.size, _socket.MSG_PEEK)
    return int(_REPORT.unpack(message)[1]) if message else None
