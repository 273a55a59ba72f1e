"""Connections that are encrypted, by TLS.

The two sides exchange a stream of records, each of at most 16 KiB. `Tls` converts between the records of the descriptor
and the bytes of a connection's frames. It never reads beyond the record that it needs, so the descriptor is readable as
long as there are unread records.

The engine (`ssl.SSLObject`) is never in the middle of waiting: ciphertext is read and written here, as `_frames` reads
and writes, so a signal handler that raises there loses nothing.  Only if it raises in the few instructions between
the engine's work and its being noted, the stream is out of step; that is noticed, and an error from then on.
"""

from __future__ import annotations

import ssl
import time
from contextlib import suppress
from io import BytesIO

from processing_core import NotPicklableError
from processing_core.annotations import TYPE_CHECKING, Any, NoReturn
from processing_core.lowlevel import Descriptor, ThreadRLock, checked_timeout, readable
from processing_queues._connection import BufferingConnection
from processing_queues._frames import Inbox, Outbox
from processing_queues._platform import finish_now, read, write, write_now

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Tls", "TlsConnection"]

_HEAD = 5  # bytes before a record: its kind, two of the version, two of its length (RFC 8446, 5.1)
_LONGEST = 16384 + 2048  # bytes in a record, of any version
_KINDS = range(20, 25)
_AT_ONCE = 1 << 16  # bytes encrypted before they are written


class Tls:
    """The engine of one side, and its buffered input and output.

    :param listens: whether it is the listener's.
    :param hostname: the host that the listener's certificate must name.
    :raises ValueError: if the context wants to know that, and it is not given.
    :raises ssl.SSLError: if the context is for the other side.
    """

    def __init__(self, context: ssl.SSLContext, *, listens: bool, hostname: str | None = None) -> None:
        wrong = ssl.PROTOCOL_TLS_CLIENT if listens else ssl.PROTOCOL_TLS_SERVER
        if context.protocol is wrong:  # which `wrap_bio` says first in some versions only
            raise ssl.SSLError(f"the context is for the other side: it is for {wrong.name}")
        if context.check_hostname and not listens and not hostname:
            raise ValueError("check_hostname requires server_hostname")  # which `wrap_bio` does not say
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._engine = context.wrap_bio(self._incoming, self._outgoing, server_side=listens, server_hostname=hostname)
        # Guards the engine and its two buffers, for one thread may send while another receives; not held while waiting.
        # Reentrant for the sake of signal handlers.
        self._lock = ThreadRLock()
        self._record = BytesIO()  # what came of the next record
        self._sealed, self._written = BytesIO(), list[int]()  # what is to be written, and how much of it was
        self._ahead = b""  # read by `ready`
        self.system_write: Callable[[int, tuple[Any, ...]], int] = write  # one that does not wait, where a task sends
        self._shaken = False
        self._torn_in = self._torn_out = False  # set around what must not be interrupted

    def do_handshake(self, fd: int) -> None:
        """Do the handshake of TLS.

        Blocks; where the descriptor does not, it raises `BlockingIOError` and is to be called again.

        :raises ssl.SSLError: if the other side's certificate is refused, or it does not speak TLS.
        :raises EOFError: if it has gone.
        """
        while not self._shaken:
            try:
                with self._lock:
                    self._engine.do_handshake()
                self._shaken = True
            except ssl.SSLWantReadError:
                self.flush(fd)
                self._fetch(fd, wait=True)
            except ssl.SSLError:
                with suppress(OSError):
                    self.flush(fd)  # tells the other side why
                raise
        self.flush(fd)

    def binding(self) -> bytes:
        """What only the two ends of this TLS connection know, once it is there; a relay's two connections differ in it.

        It is the first Finished message of the handshake (RFC 5929, 3; of TLS 1.3 it is one of either end's).
        """
        with self._lock:
            return self._engine.get_channel_binding("tls-unique") or b""

    def unsent(self) -> bool:
        """Whether something is to be written that the system did not take yet."""
        return self._outgoing.pending > 0 or self._sealed.tell() > 0

    def read(self, fd: int, size: int) -> bytes:
        """Some bytes that were sent to us, at most ``n``; none at the end; blocks."""
        if self._ahead:
            some, self._ahead = self._ahead[:size], self._ahead[size:]
            return some
        while (some_or_none := self._open(size)) is None:
            self._fetch(fd, wait=True)
        return some_or_none

    def write(self, fd: int, parts: tuple[bytes, memoryview]) -> int:
        """Encrypt and take a part of the bytes to send; blocks until the part before is written.

        :return: how many bytes were taken.
        """
        self.flush(fd)
        _check(self._torn_out)
        head, message = parts
        some = head + message[: _AT_ONCE - len(head)]
        self._torn_out = True
        with self._lock:
            taken = self._engine.write(some)
        self._torn_out = False
        return taken

    def flush(self, fd: int) -> None:
        """Write what was taken; blocks."""
        while self.unsent():
            with self._lock:
                any(map(self._sealed.write, map(self._outgoing.read, (-1,))))
            sealed = self._sealed.getvalue()
            while (done := sum(self._written)) < len(sealed):
                any(map(self._written.append, map(self.system_write, (fd,), ((b"", sealed[done:]),))))
            self._sealed, self._written = BytesIO(), []

    def ready(self, fd: int) -> bool:
        """Whether `read` returns bytes, or the end of the stream, without waiting; does not block.

        Not every record has something for us: some are about keys.
        """
        try:
            while not self._ahead:
                some = self._open(_LONGEST)
                if some is not None:
                    self._ahead = some
                    return True
                if not self._fetch(fd, wait=False):
                    return False
        except (EOFError, OSError):
            pass  # `read` will say so
        return True

    def _open(self, size: int) -> bytes | None:
        """Some bytes out of the records that have come; ``None`` if another is wanted."""
        _check(self._torn_in)
        self._torn_in = True
        try:
            with self._lock:
                some = self._engine.read(size)
        except ssl.SSLError as error:
            self._torn_in = False
            if isinstance(error, ssl.SSLWantReadError):
                return None
            raise
        self._torn_in = False
        return some

    def _fetch(self, fd: int, *, wait: bool) -> bool:
        """Read the next record; whether it has come.

        :param wait: whether to block until it has.
        """
        _check(self._torn_in)
        while (lacking := self._needed() - self._record.tell()) > 0:
            if not wait and not readable(fd, 0):
                return False
            if not any(map(self._record.write, map(read, (fd,), (lacking,)))):
                raise EOFError
        self._torn_in = True
        with self._lock:
            self._incoming.write(self._record.getvalue())
        self._record = BytesIO()
        self._torn_in = False
        return True

    def _needed(self) -> int:
        """The length of the record that is coming, as far as that is known."""
        if self._record.tell() < _HEAD:
            return _HEAD
        kind, major, _, high, low = self._record.getvalue()[:_HEAD]
        length = high << 8 | low
        if kind not in _KINDS or major != 3 or length > _LONGEST:
            raise OSError("the other side does not speak TLS")
        return _HEAD + length


def _check(torn: bool) -> None:
    if torn:
        raise OSError("a signal handler interrupted this connection at a moment after which it cannot go on")


class _FlushingOutbox(Outbox):
    """Sends to the last byte."""

    __slots__ = ("_tls",)

    def __init__(self, tls: Tls) -> None:
        super().__init__(tls.write)
        self._tls = tls

    def send(self, fd: int, message: memoryview) -> None:
        super().send(fd, message)
        self._tls.flush(fd)


class TlsConnection(BufferingConnection):
    """A `Connection` whose stream is encrypted.  It stays in the process that made it.

    :param handle: a descriptor of a stream, which the connection owns from now on.
    :param tls: what encrypts it.
    """

    def __init__(self, handle: int | Descriptor, tls: Tls) -> None:
        super().__init__(handle)
        self._tls = tls
        self._inbox, self._outbox = Inbox(tls.read), _FlushingOutbox(tls)

    def do_handshake(self) -> None:
        """As `Tls.do_handshake`."""
        self._tls.do_handshake(self.fileno())

    def poll(self, timeout: float | None = 0.0) -> bool:
        fd, limit = self._receiving(), checked_timeout(timeout)
        deadline = None if limit is None else time.monotonic() + limit
        while not self._tls.ready(fd):
            if not readable(fd, None if deadline is None else deadline - time.monotonic()):
                return False
        return True

    def __reduce__(self) -> NoReturn:
        raise NotPicklableError(reason="a connection with TLS stays in the process that made it")

    def _ready(self) -> bool:
        return self._tls.ready(self._receiving())

    def _ready_now(self, fd: int) -> bool:
        return self._tls.ready(fd)

    def _write_now(self, go_on: Callable[[int, Callable[[int, Any], int]], None]) -> None:
        fd = self._sending()
        self._tls.system_write = write_now
        try:
            go_on(fd, self._tls.write)
            self._tls.flush(fd)
            finish_now(fd)
        finally:
            self._tls.system_write = write

    def _unsent(self) -> bool:
        return self._tls.unsent()


# To programs it is a `Connection`, as the ends of pipes are.
TlsConnection.__name__ = TlsConnection.__qualname__ = "Connection"
TlsConnection.__module__ = "processing_queues"
