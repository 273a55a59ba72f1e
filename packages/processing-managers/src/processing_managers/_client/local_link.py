"""`LocalLink`: how the proxies that live in the server's own process reach it, such as those in a managed list."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from processing_core.annotations import Any, Protocol
from processing_managers._client.connect_options import HandshakeProtocol
from processing_managers._errors import ServerGone

__all__ = ["LocalLink", "LocalServer"]


class _Referent(Protocol):
    obj: Any


class _Table(Protocol):
    server_id: str

    def find(self, ident: str) -> _Referent: ...
    def claim(self, client: Any, ident: str, flight: bytes | None) -> None: ...
    def send_reference(self, ident: str, flight: bytes) -> None: ...
    def drop(self, client: Any, ident: str) -> None: ...


class LocalServer(Protocol):
    """What a `LocalLink` needs of the server."""

    address: Any
    protocol: HandshakeProtocol
    residents: Any
    sealed_key: bytes
    stop_event: threading.Event

    @property
    def table(self) -> _Table:
        """The referents."""

    def perform(
        self, client: Any, ident: str | None, method: str, args: tuple[Any, ...], kwds: Mapping[str, Any] = ...
    ) -> Any:
        """What a client asks for."""


class LocalLink:
    """A way to the server of this process."""

    def __init__(self, server: LocalServer) -> None:
        self._server = server
        self.sealed_key = server.sealed_key
        self.control_messages_sent = 0

    @property
    def protocol(self) -> HandshakeProtocol:
        """By which handshake others connect."""
        return self._server.protocol

    def call(
        self, ident: str | None, method: str, args: tuple[Any, ...], kwds: Mapping[str, Any], ticket: int = 0
    ) -> Any:
        """What a method of a referent returns."""
        if self._server.stop_event.is_set():
            raise ServerGone(f"the manager's server at {self._server.address!r} was stopped", self._server.address)
        return self._server.perform(self._server.residents, ident, method, args, kwds)

    async def call_async(self, ident: str, method: str, args: tuple[Any, ...], kwds: Mapping[str, Any]) -> Any:
        """As `call`; blocks, because the referent is of this process."""
        return self.call(ident, method, args, kwds)

    def new_ticket(self) -> int:
        """None is needed: what waits here is interrupted itself."""
        return 0

    def undo(self, ticket: int) -> None:
        """Do nothing."""

    def do(self, ticket: int, ident: str, method: str, args: tuple[Any, ...]) -> None:
        """Do nothing."""

    def referent(self, ident: str) -> Any:
        """The referent itself."""
        return self._server.table.find(ident).obj

    def claim(self, ident: str, flight: bytes | None) -> None:
        """Take a reference, in place of an in-flight one."""
        self._server.table.claim(self._server.residents, ident, flight)

    def send_reference(self, ident: str, flight: bytes) -> None:
        """Send a reference in flight."""
        self._server.table.send_reference(ident, flight)

    def release(self, ident: str) -> None:
        """Drop a reference; may be called by a finalizer."""
        self._server.table.drop(self._server.residents, ident)
