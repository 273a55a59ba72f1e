"""Windows: sockets and named pipes; no sockets without a name, and no word of the process at a socket's other end."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from processing_core.annotations import Any, NoReturn
from processing_core.lowlevel import READABLE, WRITABLE, Poller, borrowed_socket, loaded, polled

assert sys.platform == "win32"  # for type checkers

__all__ = [
    "begins_anew",
    "default_family",
    "families",
    "finish_now",
    "get_blocking",
    "hang_up",
    "nameless_sockets_may_work",
    "open_without_access",
    "path_of_descriptor",
    "borrowed_stream",
    "peeked",
    "peer",
    "pipe_socket",
    "read",
    "set_blocking",
    "write",
    "write_now",
    "writing_end",
]

default_family: str = "AF_PIPE"
families: list[str] = ["AF_INET", "AF_INET6", "AF_PIPE"]
"""The families of sockets that listeners and clients speak; ``AF_PIPE``'s are named pipes."""

_MOST = 1 << 20  # bytes written at once

_SLICE = 0.5  # seconds between two reads of a socket

_unblocked: set[int] = set()
"""The sockets and pipes for which `read` and `write` do not wait; changed by single operations of a set.

To the system no socket blocks, because Ctrl-C does not interrupt a call of Windows' sockets; a thread that waits polls.
"""


def begins_anew(fd: int) -> None:
    """Say that a descriptor is new: what was said of an earlier one of the same number is forgotten."""
    _unblocked.discard(fd)
    if (pipes := loaded("processing_queues._platform._windows_pipes")) is not None:
        pipes.forget(fd)


def get_blocking(fd: int) -> bool:
    """Whether `read` and `write` wait where nothing can be read or written."""
    return fd not in _unblocked


def set_blocking(fd: int, blocks: bool) -> None:
    """Have them wait, or not."""
    if blocks:
        _unblocked.discard(fd)
        return
    _unblocked.add(fd)
    if _pipes(fd) is not None:
        return
    with borrowed_socket(fd) as stream:
        stream.setblocking(False)


def _pipes(fd: int) -> Any:
    """The module that serves a handle if it is that of a pipe: it imports `ctypes`."""
    from processing_core.lowlevel import is_socket  # here, for type checkers of other systems

    if is_socket(fd):
        return None
    from processing_queues._platform import _windows_pipes

    return _windows_pipes if _windows_pipes.is_pipe(fd) else None


@contextmanager
def borrowed_stream(fd: int) -> Iterator[Any]:
    """A socket object for a socket or a pipe that stays its owner's."""
    pipes = _pipes(fd)
    if pipes is None:
        with borrowed_socket(fd) as stream:
            yield stream
        return
    yield pipes.PipeSocket(fd, owned=False)


def hang_up(fd: int) -> None:
    """End a stream for both sides, even for a thread that waits for it; the caller must close it as well."""
    import socket

    with borrowed_stream(fd) as stream:
        stream.shutdown(socket.SHUT_RDWR)


def pipe_socket() -> Any:
    """A new `PipeSocket`."""
    from processing_queues._platform._windows_pipes import PipeSocket

    return PipeSocket()


def _when(fd: int, event: int, seconds: float | None = None) -> None:
    if fd in _unblocked:
        raise BlockingIOError(errno.EAGAIN, "nothing can be read or written now")
    poller = Poller()
    poller.register(fd, event)
    polled(poller, seconds)


def read(fd: int, size: int) -> bytes:
    """Read from a stream, as much as has come; blocks while that is nothing, unless `set_blocking` has said so."""
    if (pipes := _pipes(fd)) is not None:
        return bytes(pipes.read_pipe(fd, size, get_blocking(fd)))
    with borrowed_socket(fd) as stream:
        while True:
            try:
                return stream.recv(size)
            except BlockingIOError:
                _when(fd, READABLE, _SLICE)  # a shutdown by this process need not make it readable
            except BrokenPipeError:
                return b""  # this process has shut it down


def write(fd: int, parts: Sequence[bytes | memoryview]) -> int:
    """Write several buffers into a stream, as much as the system takes at once; blocks as `read` does."""
    if (pipes := _pipes(fd)) is not None:
        return int(pipes.write_pipe(fd, parts, get_blocking(fd)))
    whole = b"".join(part[:_MOST] for part in parts)
    with borrowed_socket(fd) as stream:
        while True:
            try:
                return _sent(stream, whole[:_MOST])
            except BlockingIOError:
                _when(fd, WRITABLE)


def write_now(fd: int, parts: Sequence[bytes | memoryview]) -> int:
    """Write some bytes of the parts without waiting; a pipe's may be on their way still: see `finish_now`.

    :raises BlockingIOError: if nothing can be written now.
    """
    if (pipes := _pipes(fd)) is not None:
        return int(pipes.begin_write(fd, parts))
    with borrowed_socket(fd) as stream:
        stream.setblocking(False)  # the program's own sockets may block still; `read` and `write` wait by a poller
        return _sent(stream, b"".join(part[:_MOST] for part in parts)[:_MOST])


def _sent(stream: Any, data: bytes) -> int:
    try:
        return int(stream.send(data))
    except (ConnectionResetError, ConnectionAbortedError) as error:
        raise BrokenPipeError(errno.EPIPE, "the other end is gone") from error


def finish_now(fd: int) -> None:
    """Look whether what `write_now` has begun to write is written.

    :raises BlockingIOError: if it is not.
    """
    if (pipes := _pipes(fd)) is not None:
        pipes.finish_write(fd)


def writing_end(fd: int) -> int:
    """What is writable, or readable if it is an event, when `write_now` can go on."""
    return fd if (pipes := _pipes(fd)) is None else int(pipes.event_of_write(fd))


def peeked(stream: Any, size: int) -> bytes:
    """What can be read, and stays there; does not block.

    :raises BlockingIOError: if that is nothing.
    """
    import socket

    return bytes(stream.recv(size, socket.MSG_PEEK))


def open_without_access(path: str) -> NoReturn:
    """:raises OSError: always; it is asked for where nameless sockets may work."""
    raise OSError(f"{path}: a socket has no file on Windows")


def path_of_descriptor(fd: int) -> NoReturn:
    """:raises OSError: always; it is asked for where nameless sockets may work."""
    raise OSError(f"{fd}: a socket has no file on Windows")


def nameless_sockets_may_work() -> bool:
    """Never."""
    return False


def peer(connected: Any) -> tuple[int, int]:
    """(pid, 0) of the client at a pipe, (0, 0) at a socket: the system tells no user, and seldom the process."""
    pipes = _pipes(connected.fileno())
    return (0 if pipes is None else pipes.peer_of(connected.fileno())), 0
