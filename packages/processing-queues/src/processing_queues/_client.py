"""`Client`: connects to a `Listener`."""

from __future__ import annotations

import builtins
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

from processing_core import AuthenticationError, TimeoutError
from processing_core.annotations import Any
from processing_core.lowlevel import READABLE, WRITABLE, Poller, polled
from processing_queues._connection import Connection
from processing_queues._handshake_start import Handshake, HandshakeStart, new_socket
from processing_queues._keyless import KeylessConnection
from processing_queues._platform import set_blocking

__all__ = ["dial"]


def dial(address: Any, family: str, opened: HandshakeStart, timeout: float | None) -> Connection:
    """Connect as `Client`, whose arguments are checked already."""
    deadline = None if timeout is None else time.monotonic() + timeout
    with _naming(address), new_socket(family) as stream:
        try:
            _connect(stream, address, deadline)
            connection, handshake = opened(stream)
            _run_handshake(connection, handshake, deadline)
            _await_answer(connection, address, deadline)
        except BlockingIOError:
            raise TimeoutError(f"the listener at {address!r} did not answer within {timeout} s") from None
    return connection


def _connect(stream: socket.socket, address: Any, deadline: float | None) -> None:
    if stream.family.name == "AF_UNIX":
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
    """Connect, and wait for room in the backlog, which on Linux only a blocking socket does (connect(2): EAGAIN)."""
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


def _run_handshake(connection: Connection, handshake: Handshake, deadline: float | None) -> None:
    try:
        while not _done(connection, handshake):
            poller = Poller()
            poller.register(connection.fileno(), READABLE | (WRITABLE if connection._unsent() else 0))
            if not polled(poller, None if deadline is None else deadline - time.monotonic()):
                raise BlockingIOError
        set_blocking(connection.fileno(), True)
    except BaseException:
        connection.close()
        raise


def _await_answer(connection: Connection, address: Any, deadline: float | None) -> None:
    if isinstance(connection, KeylessConnection):
        try:
            connection.wait_for_hello(address, deadline)
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
    """Add the address to every error."""
    try:
        yield
    except (AuthenticationError, EOFError) as error:
        what = str(error) or "the connection ended before the handshake did"
        raise type(error)(f"{what}: the listener at {address!r}") from None
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = address
        if repr(address) not in str(error):
            error.add_note(f"the listener's address is {address!r}")
        raise
