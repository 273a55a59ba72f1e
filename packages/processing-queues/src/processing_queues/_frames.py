"""Messages on a stream of bytes: frames, as ``multiprocessing.connection`` writes them.

::

    size of the message, 4 bytes, signed, most significant first    the message
    -1, then the size in 8 bytes                                    the message, if longer than 2 GiB - 1

A signal handler may raise at any moment between two instructions of Python, but not inside a C function.  So what was
read or written is noted by the C function that calls `os.read` or the kernel's `write_parts`: ``any(map(note, map(read,
...)))``.  An interrupted message goes on where it stopped with the next, and the stream never loses its step.  So it is
too where the descriptor does not block, and `BlockingIOError` interrupts.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO

from processing_core.annotations import Any
from processing_queues._platform import read, write

__all__ = ["BadLength", "Inbox", "Outbox"]

_SHORT = struct.Struct("!i")
_LONG = struct.Struct("!Q")
_LONGEST_SHORT = 0x7FFFFFFF
_CHUNK = 1 << 20  # bytes asked for at once: memory is taken as the message arrives, not as it is announced


_Source = Callable[[int, int], bytes]
_Sink = Callable[[int, Any], int]


class BadLength(Exception):
    """The message is longer than the receiver allows, or what came is no message."""


class _Incoming:
    """A message on its way in."""

    __slots__ = ("_body", "_head", "_source")

    def __init__(self, source: _Source) -> None:
        self._source = source
        self._head, self._body = BytesIO(), BytesIO()

    def fill(self, fd: int, longest: int | None) -> bytes:
        """Read to the end of it; blocks."""
        size = self._size(fd)
        if size < 0 or (longest is not None and size > longest):
            raise BadLength
        self._read(fd, self._body, size)
        return self._body.getvalue()

    def read_by(self, source: _Source) -> None:
        """Read from another source."""
        self._source = source

    def begun(self) -> bool:
        """Whether anything of it has come."""
        return self._head.tell() > 0

    def _size(self, fd: int) -> int:
        self._read(fd, self._head, _SHORT.size)
        size: int = _SHORT.unpack_from(self._head.getbuffer())[0]
        if size != -1:
            return size
        self._read(fd, self._head, _SHORT.size + _LONG.size)
        return int(_LONG.unpack_from(self._head.getbuffer(), _SHORT.size)[0])

    def _read(self, fd: int, into: BytesIO, size: int) -> None:
        while (have := into.tell()) < size:
            if not any(map(into.write, map(self._source, (fd,), (min(size - have, _CHUNK),)))):
                raise EOFError


class Inbox:
    """The receiving half of a connection.  Not thread-safe.

    :param source: reads from the descriptor, as `os.read` does.
    """

    __slots__ = ("_incoming", "_source")

    def __init__(self, source: _Source = read) -> None:
        self._source = source
        self._incoming = _Incoming(source)

    def receive(self, fd: int, longest: int | None = None) -> bytes:
        """The next message; blocks.

        :param longest: bytes; ``None`` is no bound.
        :raises EOFError: if the sender is gone, with a text if it went in the middle of a message.
        :raises BadLength: if the message is longer than ``longest``, or none; nothing more can be received then.
        """
        try:
            message = self._incoming.fill(fd, longest)
        except EOFError:
            if self._incoming.begun():
                raise EOFError("the other end is gone, in the middle of a message") from None
            raise
        except ConnectionResetError as error:
            raise EOFError("the other end is gone, and did not read all that was sent to it") from error
        self._incoming = _Incoming(self._source)
        return message

    def receive_now(self, fd: int, longest: int | None, ready: Callable[[int], bool]) -> bytes:
        """The same without waiting; what has come of a message stays.

        :param ready: whether a read would not wait.
        :raises BlockingIOError: if the message is not there yet.
        """
        incoming, source = self._incoming, self._source
        incoming.read_by(lambda fd, size: source(fd, size) if ready(fd) else _refuse())
        try:
            return self.receive(fd, longest)
        finally:
            incoming.read_by(source)


def _refuse() -> bytes:
    raise BlockingIOError


class _Outgoing:
    """A message on its way out."""

    __slots__ = ("_parts", "_sink", "_size", "_written")

    def __init__(self, message: memoryview, sink: _Sink) -> None:
        self._sink = sink
        self._parts = (_header(message.nbytes), message)
        self._size = len(self._parts[0]) + message.nbytes
        self._written: list[int] = []

    def push(self, fd: int, sink: _Sink | None = None) -> None:
        """Write the rest of it; blocks."""
        sink = sink or self._sink
        while (done := sum(self._written)) < self._size:
            any(map(self._written.append, map(sink, (fd,), (self._behind(done),))))

    def half_done(self) -> bool:
        """Whether some of it is written, but not all."""
        return 0 < sum(self._written) < self._size

    def keep(self) -> None:
        """Copy the rest of the message, if its sending was begun: the caller may change its buffer afterwards."""
        message = self._parts[1] if self.half_done() else memoryview(b"")
        self._parts = (self._parts[0], memoryview(bytes(message)))

    def _behind(self, done: int) -> tuple[bytes, memoryview]:
        head, message = self._parts
        if done < len(head):
            return head[done:], message
        return b"", message[done - len(head) :]


class Outbox:
    """The sending half of a connection.  Not thread-safe.

    :param sink: writes two buffers to the descriptor, as `os.writev` does.
    """

    __slots__ = ("_sink", "_unfinished")

    def __init__(self, sink: _Sink = write) -> None:
        self._sink = sink
        self._unfinished: _Outgoing | None = None

    def send(self, fd: int, message: memoryview) -> None:
        """Send a message; blocks while the system's buffer is full.

        If a signal handler interrupts it, what was begun is finished before the next message.

        :raises BrokenPipeError: if the receiver is gone.
        """
        if self._unfinished is not None and self._unfinished.half_done():
            self._unfinished.push(fd)
        self._unfinished = outgoing = _Outgoing(message, self._sink)
        try:
            outgoing.push(fd)
        except BaseException:
            outgoing.keep()
            raise
        self._unfinished = None

    def begin(self, message: memoryview) -> Callable[[int, _Sink], None]:
        """Begin a message that is sent without waiting: the function to be called until it does not raise.

        That function writes by a sink that raises `BlockingIOError`; what was begun before is finished first.
        """
        before, outgoing = self._unfinished, _Outgoing(message, self._sink)

        def go_on(fd: int, sink: _Sink) -> None:
            if before is not None and before.half_done():
                before.push(fd, sink)
            self._unfinished = outgoing
            outgoing.push(fd, sink)
            self._unfinished = None

        return go_on

    def leave(self) -> bool:
        """Stop sending what was begun: whether it must be finished, because a part of it is written."""
        unfinished = self._unfinished
        if unfinished is None or not unfinished.half_done():
            return False
        unfinished.keep()
        return True

    def finish(self, fd: int, sink: _Sink) -> None:
        """Write the rest of what was left."""
        if self._unfinished is not None and self._unfinished.half_done():
            self._unfinished.push(fd, sink)


def _header(size: int) -> bytes:
    if size <= _LONGEST_SHORT:
        return _SHORT.pack(size)
    return _SHORT.pack(-1) + _LONG.pack(size)
