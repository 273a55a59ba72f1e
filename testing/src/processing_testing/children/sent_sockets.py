"""What children do with sockets that they are sent."""

from __future__ import annotations

import socket
from typing import Any


def use(by_argument: socket.socket, queue: Any, connection: Any) -> None:
    """Write into an argument, what comes through a queue and through a connection, and into a connection."""
    with by_argument, queue.get() as by_queue, connection.recv() as by_connection:
        by_argument.sendall(b"argument")
        by_queue.sendall(b"queue")
        by_connection.sendall(b"connection")
    with queue.get() as stream:
        stream.send("stream")


def accept(listening: socket.socket) -> None:
    """Serve one client of a listening socket."""
    with listening, listening.accept()[0] as accepted:
        accepted.sendall(accepted.recv(100).upper())
