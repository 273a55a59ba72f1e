"""`Client`: connects to a `Listener`."""

from __future__ import annotations

import builtins
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

from processing_core import AuthenticationError, TimeoutError
from processing_core.annotations import Any
from processing_core.lowlevel import polled
from processing_queues._connection import Connection
from processing_queues._opening import Handshake, Opening, new_socket

__all__ = ["dial"]


def dial(address: Any, family: str, opened: Opening, timeout: float | None) -> Connection:
    """What `Client` does, once its arguments are checked."""
    deadline = None if timeout is None else time.monotonic() + timeout
    with _naming(address), new_socket(family) as stream:
        try:
            _connect(stream, address, deadline)
            connection, handshake = opened(stream)
            _shake(connection, handshake, deadline)
        except BlockingIOError:
            raise TimeoutError(f"the listener at {address!r} did not answer within {timeout} s") from None
    return connection


def _connect(stream: socket.socket, address: Any, deadline: float | None) -> None:
    if stream.family == socket.AF_UNIX:
        _connect_file(stream, address, deadline)
        return
    if deadline is not None:
        stream.settimeout(max(deadline - time.monotonic(), 0.001))
    try:
        stream.connect(address)
    except builtins.TimeoutError:
        if deadline is not None and time.monotonic() >= deadline:
            raise BlockingIOError from None
        raise  # the system's patience is shorter


def _connect_file(stream: socket.socket, address: Any, deadline: float | None) -> None:
    """Wait for a place in the backlog too, which only a socket that blocks does on Linux (connect(2): EAGAIN)."""
    while True:
        left = 0.0 if deadline is None else max(deadline - time.monotonic(), 1e-6)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(left))
        stream.connect(address)
        try:
            stream.getpeername()
        except OSError:
            continue  # a signal interrupted the wait, which CPython takes for success
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(0))
        return


def _timeval(seconds: float) -> bytes:
    whole = min(int(seconds), 1 << 30)
    return struct.pack("@ll", whole, int((seconds - int(seconds)) * 1e6))


def _shake(connection: Connection, handshake: Handshake, deadline: float | None) -> None:
    try:
        while not _done(connection, handshake):
            poller = select.poll()
            poller.register(connection.fileno(), select.POLLIN | (select.POLLOUT if connection._unsent() else 0))
            if not polled(poller, None if deadline is None else deadline - time.monotonic()):
                raise BlockingIOError
        os.set_blocking(connection.fileno(), True)
    except BaseException:
        connection.close()
        raise


def _done(connection: Connection, handshake: Handshake) -> bool:
    try:
        handshake(connection)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _naming(address: Any) -> Iterator[None]:
    """Let every error say where."""
    try:
        yield
    except (AuthenticationError, EOFError) as error:
        raise type(error)(f"{error}: the listener at {address!r}") from None
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = address
        if repr(address) not in str(error):
            error.add_note(f"the listener's address is {address!r}")
        raise
