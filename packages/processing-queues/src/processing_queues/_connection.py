"""``Connection``: one end of a pipe, or of a stream socket."""

from __future__ import annotations

import errno
import operator
from types import TracebackType

from processing_core import BufferTooShort, ClosedError
from processing_core.annotations import TYPE_CHECKING, Any, Self
from processing_core.lowlevel import Descriptor, checked_timeout, dumps, duplicate, loads, readable
from processing_queues._aliases import ConnectionAliases
from processing_queues._awaitable_connection import AwaitableConnection, ready_now
from processing_queues._frames import BadLength, Inbox, Outbox
from processing_queues._platform import begins_anew, finish_now, hang_up, write_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = ["BufferingConnection", "Connection", "arrived"]


class Connection(ConnectionAliases, AwaitableConnection):
    """One end of a pipe, or of a socket; objects and messages of bytes go through it whole.

    `Pipe` makes two that belong together; `Listener` and `Client` make them across programs.  It can be sent anywhere
    in the family, as an argument of a process, through a queue or a connection, in a task, and is a copy of its own
    there; the other end is gone when every copy is closed.  A copy that was sent to a process which runs already is
    fetched when it is received, once, and its sender must live until then.

    At an end of a `Pipe` any number of threads and processes may send and receive, each message whole.  At others,
    which are streams of bytes, one thread at a time may send, and one receive; those that share an end need a `Lock`.
    A signal handler that raises interrupts a wait; the stream stays whole.

    :param handle: a descriptor of a stream, which the connection owns from now on.
    :param readable: whether it may receive.
    :param writable: whether it may send.
    :raises TypeError: if ``handle`` is not an integer.
    :raises ValueError: if ``handle`` is negative, or neither direction is allowed.

    >>> import processing
    >>> ours, theirs = processing.Pipe()
    >>> ours.send({"answer": 42})
    >>> theirs.recv()
    {'answer': 42}
    """

    def __init__(self, handle: int | Descriptor, readable: bool = True, writable: bool = True) -> None:
        if not isinstance(handle, Descriptor):
            handle = operator.index(handle)
            if handle < 0:
                raise ValueError(f"invalid handle {handle}: it must not be negative")
            begins_anew(handle)
        if not readable and not writable:
            raise ValueError("at least one of `readable` and `writable` must be True")
        self._descriptor = handle if isinstance(handle, Descriptor) else Descriptor(handle)
        self._readable, self._writable = readable, writable
        self._inbox, self._outbox = Inbox(), Outbox()

    @property
    def closed(self) -> bool:
        """Whether it was closed.  Does not block."""
        return self._descriptor.fileno() < 0

    @property
    def readable(self) -> bool:
        """Whether it may receive.  Does not block."""
        return self._readable

    @property
    def writable(self) -> bool:
        """Whether it may send.  Does not block."""
        return self._writable

    def fileno(self) -> int:
        """The descriptor, for `wait`, selectors and asyncio.  Does not block.

        :raises ClosedError: if it was closed.
        """
        fd = self._descriptor.fileno()
        if fd < 0:
            raise ClosedError("handle is closed")
        return fd

    @property
    def _handle(self) -> int | None:
        """The descriptor, or ``None``, as libraries look at it; one that is replaced is the caller's to close."""
        return None if self.closed else self.fileno()

    @_handle.setter
    def _handle(self, handle: int | None) -> None:
        self._descriptor.detach()
        if handle is not None:
            self._descriptor = Descriptor(handle)

    def close(self) -> None:
        """Close this copy of the end.  Does not block; a second call does nothing."""
        self._descriptor.close()

    def send(self, obj: Any) -> None:
        """Send an object.  Blocks while the system's buffer is full.

        :raises OSError: if it is closed, or only for receiving.
        :raises BrokenPipeError: if the other end is gone.
        :raises Exception: what pickling the object raises; then nothing was sent.
        """
        fd = self._sending()
        self._outbox.send(fd, memoryview(dumps(obj)))

    def recv(self) -> Any:
        """Receive an object.  Blocks until there is one.

        :raises EOFError: if the other end is gone and nothing is left.
        :raises OSError: if it is closed, or only for sending.
        :raises Exception: what unpickling the object raises; the next call receives the next one.
        """
        return loads(self._receive(self._receiving()))

    def send_bytes(self, buf: ReadableBuffer, offset: int = 0, size: int | None = None) -> None:
        """Send the bytes of a buffer as one message. Blocks while the system's buffer is full.

        :param offset: bytes to leave out at the beginning.
        :param size: bytes to send; ``None`` means up to the end.
        :raises OSError: if it is closed, or only for receiving.
        :raises BrokenPipeError: if the other end is gone.
        :raises ValueError: if ``offset`` or ``size`` does not fit the buffer.
        :raises TypeError: if ``buf`` is not a contiguous buffer.
        """
        fd = self._sending()
        self._outbox.send(fd, _part(memoryview(buf).cast("B"), offset, size))

    def recv_bytes(self, maxlength: int | None = None) -> bytes:
        """Receive a message of bytes.  Blocks until there is one.

        :param maxlength: bytes; ``None`` is no bound.
        :raises EOFError: if the other end is gone and nothing is left.
        :raises OSError: if it is closed, or only for sending; or if the message is longer than ``maxlength``: then
            nothing more can be received.
        :raises ValueError: if ``maxlength`` is negative.
        """
        fd = self._receiving()
        if maxlength is not None and maxlength < 0:
            raise ValueError(f"negative maxlength: {maxlength}")
        return self._receive(fd, maxlength)

    def recv_bytes_into(self, buf: WriteableBuffer, offset: int = 0) -> int:
        """Receive a message of bytes into a buffer.  Blocks until there is one.

        :param buf: a writable buffer.
        :param offset: bytes of it to leave as they are at the beginning.
        :return: bytes received.
        :raises BufferTooShort: if the message does not fit; ``args[0]`` is the message.
        :raises EOFError: if the other end is gone and nothing is left.
        :raises OSError: if it is closed, or only for sending.
        :raises ValueError: if ``offset`` is not within the buffer.
        :raises TypeError: if ``buf`` is not a writable contiguous buffer.
        """
        fd = self._receiving()
        room = _writable(buf, offset)
        return self._fill(room, self._receive(fd))

    def poll(self, timeout: float | None = 0.0) -> bool:
        """Whether there is something to receive, the end of the other side included.  Blocks for ``timeout``.

        :param timeout: seconds; ``None`` waits for ever.
        :raises OSError: if it is closed, or only for sending.
        :raises TypeError: if ``timeout`` is not a number.
        """
        return readable(self._receiving(), checked_timeout(timeout))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        self._own()
        return _arrived, (type(self), self._descriptor, self._readable, self._writable)

    def _unsent(self) -> bool:
        """Whether something waits to be sent that the system did not take at once, where it does not block."""
        return False

    def _hang_up(self) -> None:
        """End the stream for both sides, even for a thread that waits for it; the connection must be closed as well.

        :raises OSError: if it is closed, or the other end is gone.
        """
        hang_up(self._own())

    def _own(self) -> int:
        """As `fileno`, if that is still this connection's: the program may have closed it, and opened a file there.

        :raises OSError: if it is not.
        """
        fd = self.fileno()
        if not self._descriptor.is_open():
            raise OSError(errno.EBADF, "the program has closed the descriptor of this connection by its number")
        return fd

    def _sending(self) -> int:
        fd = self._own()
        if not self._writable:
            raise OSError("connection is read-only")
        return fd

    def _receiving(self) -> int:
        fd = self._own()
        if not self._readable:
            raise OSError("connection is write-only")
        return fd

    def _receive(self, fd: int, longest: int | None = None) -> bytes:
        try:
            return self._inbox.receive(fd, longest)
        except BadLength:
            raise self._bad_length() from None

    def _receive_now(self, fd: int, longest: int | None) -> bytes:
        """As `_receive`, without waiting: :raises BlockingIOError: if the message is not there yet."""
        try:
            return self._inbox.receive_now(fd, longest, self._ready_now)
        except BadLength:
            raise self._bad_length() from None

    def _ready_now(self, fd: int) -> bool:
        return ready_now(fd)

    def _write_now(self, go_on: Callable[[int, Callable[[int, Any], int]], None]) -> None:
        """Let ``go_on`` write what can be written now."""
        fd = self._sending()
        go_on(fd, write_now)
        finish_now(fd)

    def _room(self, buf: WriteableBuffer, offset: int) -> memoryview:
        self._receiving()
        return _writable(buf, offset)

    @staticmethod
    def _fill(room: memoryview, message: bytes) -> int:
        if len(message) > len(room):
            raise BufferTooShort(message)
        room[: len(message)] = message
        return len(message)

    @staticmethod
    def _part(view: memoryview, offset: int, size: int | None) -> memoryview:
        return _part(view, offset, size)

    def _bad_length(self) -> OSError:
        """Receive nothing more: where the next message begins is not known."""
        self._readable = False
        if not self._writable:
            self.close()
        return OSError("bad message length")


class BufferingConnection(Connection):
    """A connection that may have read more of its stream than it has returned.

    So its descriptor may not be readable although there is a message.
    """

    def _ready(self) -> bool:
        """Whether there is something to receive, or the end; does not block."""
        raise NotImplementedError

    def _watch(self) -> bool:
        return self._ready()


def _arrived(cls: type[Connection], descriptor: Descriptor, readable: bool, writable: bool) -> Connection:
    # Not `detach`: to `copy.copy` this is the descriptor of the original.
    return cls(arrived(descriptor), readable, writable)


def arrived(descriptor: Descriptor) -> Descriptor:
    """A copy of the descriptor of a connection that was sent here."""
    copy = Descriptor.of(duplicate, descriptor.fileno())
    begins_anew(copy.fileno())
    return copy


def _part(view: memoryview, offset: int, size: int | None) -> memoryview:
    if offset < 0:
        raise ValueError("offset is negative")
    if offset > len(view):
        raise ValueError("buffer length < offset")
    if size is None:
        return view[offset:]
    if size < 0:
        raise ValueError("size is negative")
    if offset + size > len(view):
        raise ValueError("buffer length < offset + size")
    return view[offset : offset + size]


def _writable(buf: WriteableBuffer, offset: int) -> memoryview:
    view = memoryview(buf).cast("B")
    if view.readonly:
        raise TypeError("recv_bytes_into() needs a writable buffer")
    if offset < 0:
        raise ValueError("negative offset")
    if offset > len(view):
        raise ValueError("offset too large")
    return view[offset:]
