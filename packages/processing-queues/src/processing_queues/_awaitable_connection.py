"""What connections offer to tasks of an event loop: the awaitable twins of `send`, `recv` and `poll`."""

from __future__ import annotations

from processing_core.annotations import TYPE_CHECKING, Any
from processing_core.lowlevel import (
    BUSY,
    WRITABLE,
    LoopWatch,
    checked_timeout,
    current_waiter,
    dumps,
    loads,
    readable,
    until,
    until_ready,
)
from processing_queues._platform import writing_end

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = ["AwaitableConnection", "AwaitablePipe"]


class AwaitableConnection:
    """A connection's over a stream."""

    __slots__ = ()

    async def send_async(self: Any, obj: Any) -> None:
        """Send an object, in a task of an event loop: `send`, awaited.

        One task at a time may send.  A cancelled call has sent nothing; or, if a part was written already, the event
        loop goes on sending the rest.

        :raises OSError: if it is closed, or only for receiving.
        :raises BrokenPipeError: if the other end is gone.
        :raises Exception: what pickling the object raises; then nothing was sent.
        """
        self._sending()
        await _send(self, memoryview(dumps(obj)))

    async def send_bytes_async(self: Any, buf: ReadableBuffer, offset: int = 0, size: int | None = None) -> None:
        """Send the bytes of a buffer as one message: `send_bytes`, awaited; as `send_async`.

        :param offset: bytes to leave out at the beginning.
        :param size: bytes to send; ``None`` means up to the end.
        """
        self._sending()
        await _send(self, self._part(memoryview(buf).cast("B"), offset, size))

    async def recv_async(self: Any) -> Any:
        """Receive an object, in a task of an event loop: `recv`, awaited.

        One task at a time may receive.  A cancelled call has received nothing: a message of which a part has come is
        received by the next call.

        :raises EOFError: if the other end is gone and nothing is left.
        :raises OSError: if it is closed, or only for sending.
        :raises Exception: what unpickling the object raises; the next call receives the next one.
        """
        return loads(await _receive(self, None))

    async def recv_bytes_async(self: Any, maxlength: int | None = None) -> bytes:
        """Receive a message of bytes: `recv_bytes`, awaited; as `recv_async`.

        :param maxlength: bytes; ``None`` is no bound.
        :raises OSError: as `recv_bytes`.
        :raises ValueError: if ``maxlength`` is negative.
        """
        self._receiving()
        if maxlength is not None and maxlength < 0:
            raise ValueError(f"negative maxlength: {maxlength}")
        return await _receive(self, maxlength)

    async def recv_bytes_into_async(self: Any, buf: WriteableBuffer, offset: int = 0) -> int:
        """Receive a message of bytes into a buffer: `recv_bytes_into`, awaited; as `recv_async`.

        :param buf: a writable buffer.
        :param offset: bytes of it to leave as they are at the beginning.
        :return: bytes received.
        :raises BufferTooShort: if the message does not fit; ``args[0]`` is the message.
        """
        room = self._room(buf, offset)
        return self._fill(room, await _receive(self, None))  # type: ignore[no-any-return]

    async def poll_async(self: Any, timeout: float | None = 0.0) -> bool:
        """Whether there is something to receive, or the end: `poll`, awaited in a task of an event loop.

        :param timeout: seconds; ``None`` waits for ever.
        """
        self._receiving()
        result = await until_ready(lambda: self.poll(0) or BUSY, self.fileno, checked_timeout(timeout))
        return result is True


async def _receive(connection: Any, longest: int | None) -> bytes:
    def attempt() -> Any:
        try:
            return connection._receive_now(connection._receiving(), longest)
        except BlockingIOError:
            return BUSY

    return await until_ready(attempt, connection.fileno)  # type: ignore[no-any-return]


async def _send(connection: Any, message: memoryview) -> None:
    go_on = connection._outbox.begin(message)

    def attempt() -> Any:
        try:
            connection._write_now(go_on)
        except BlockingIOError:
            return BUSY
        return None

    try:
        await until_ready(attempt, lambda: writing_end(connection.fileno()), mask=WRITABLE)
    except BaseException:
        if connection._outbox.leave() or connection._unsent():
            _finish_later(connection)
        raise


def _finish_later(connection: Any) -> None:
    """Let the loop write the rest of a message."""
    waiter = current_waiter()

    def go_on() -> None:
        try:
            watch.again()
            connection._write_now(connection._outbox.finish)
        except BlockingIOError:
            return
        except OSError:
            pass  # closed, or the other end is gone: the next call says so
        watch.stop()

    watch = LoopWatch(waiter, lambda _: waiter.watch_descriptor(writing_end(connection.fileno()), WRITABLE), go_on)
    go_on()


def ready_now(fd: int) -> bool:
    """Whether a read of a descriptor would not wait."""
    return readable(fd, 0)


class AwaitablePipe:
    """An end of a pipe's, whose messages are whole."""

    __slots__ = ()

    async def send_async(self: Any, obj: Any) -> None:
        """Send an object, in a task of an event loop; a cancelled call has sent nothing."""
        await _put(self, lambda: self._send_now(obj))

    async def send_bytes_async(self: Any, buf: ReadableBuffer, offset: int = 0, size: int | None = None) -> None:
        """Send the bytes of a buffer as one message; a cancelled call has sent nothing."""
        await _put(self, lambda: self._send_bytes_now(buf, offset, size))

    async def recv_async(self: Any) -> Any:
        """Receive an object, in a task of an event loop; a cancelled call has received nothing."""
        return await _taken(self, self._recv_now)

    async def recv_bytes_async(self: Any, maxlength: int | None = None) -> bytes:
        """Receive a message of bytes; a cancelled call has received nothing."""
        return await _taken(self, lambda: self._recv_bytes_now(maxlength))  # type: ignore[no-any-return]

    async def recv_bytes_into_async(self: Any, buf: WriteableBuffer, offset: int = 0) -> int:
        """Receive a message of bytes into a buffer; a cancelled call has received nothing."""
        return await _taken(self, lambda: self._recv_bytes_into_now(buf, offset))  # type: ignore[no-any-return]

    async def poll_async(self: Any, timeout: float | None = 0.0) -> bool:
        """Whether there is something to receive, or the end."""
        result = await until_ready(
            lambda: self._watch() or self._ready() or BUSY, self._doorbell, checked_timeout(timeout)
        )
        return result is True

    def _doorbell(self: Any) -> int:
        return self._parts()[2]  # type: ignore[no-any-return]


async def _put(pipe: Any, send: Callable[[], Any]) -> None:
    await until(_without_waiting(send), lambda observer: pipe._parts()[1]._observe(observer, 1))


async def _taken(pipe: Any, receive: Callable[[], Any]) -> Any:
    return await until_ready(_without_waiting(receive), pipe._doorbell)


def _without_waiting(operation: Callable[[], Any]) -> Callable[[], Any]:
    def attempt() -> Any:
        try:
            return operation()
        except BlockingIOError:
            return BUSY

    return attempt
