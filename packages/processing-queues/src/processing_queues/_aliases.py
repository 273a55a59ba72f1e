"""The names of ``processing`` 0.52; permanent.

Each method calls the modern one on ``self``, so that what a subclass overrides is reached.
"""

from __future__ import annotations

from collections.abc import Iterable

from processing_core.annotations import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = ["ConnectionAliases", "QueueAliases"]

T = TypeVar("T")


class _Modern(Protocol[T]):
    def put_many(self, objs: Iterable[T], block: bool = True, timeout: float | None = None) -> None: ...
    def put_nowait(self, obj: T) -> None: ...
    def get_nowait(self) -> T: ...
    def join_thread(self) -> None: ...
    def cancel_join_thread(self) -> None: ...


class QueueAliases(Generic[T]):
    """0.52's methods of ``Queue``."""

    __slots__ = ()

    def putMany(self: _Modern[T], iterable: Iterable[T]) -> None:
        """:meth:`put_many`."""
        self.put_many(iterable)

    def putNoWait(self: _Modern[T], obj: T) -> None:
        """:meth:`put_nowait`."""
        self.put_nowait(obj)

    def getNoWait(self: _Modern[T]) -> T:
        """:meth:`get_nowait`."""
        return self.get_nowait()

    def joinThread(self: _Modern[T]) -> None:
        """:meth:`join_thread`."""
        self.join_thread()

    def cancelJoin(self: _Modern[T]) -> None:
        """:meth:`cancel_join_thread`."""
        self.cancel_join_thread()


class _Messaging(Protocol):
    def send_bytes(self, buf: ReadableBuffer) -> None: ...
    def recv_bytes(self) -> bytes: ...
    def recv_bytes_into(self, buf: WriteableBuffer, offset: int = 0) -> int: ...


class ConnectionAliases:
    """0.52's methods of ``Connection``."""

    __slots__ = ()

    def sendBytes(self: _Messaging, buffer: ReadableBuffer) -> None:
        """:meth:`send_bytes`."""
        self.send_bytes(buffer)

    def recvBytes(self: _Messaging) -> bytes:
        """:meth:`recv_bytes`."""
        return self.recv_bytes()

    def recvBytesInto(self: _Messaging, buffer: WriteableBuffer, offset: int = 0) -> int:
        """:meth:`recv_bytes_into`."""
        return self.recv_bytes_into(buffer, offset)
