"""Links: how the proxies of this process reach a server.

One `Link` serves all proxies and managers of this process that know the same server; a `LocalLink` serves the proxies
that live in the server's own process, such as those in a managed list.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Mapping

from processing_core.annotations import TYPE_CHECKING, Any, Protocol
from processing_core.lowlevel import dumps, keep_private, loads
from processing_managers._errors import ServerGone
from processing_managers._keys import Seal, unseal
from processing_managers._messages import CALLER, KEEPER, result_of
from processing_queues import Client, Connection

if TYPE_CHECKING:
    from processing_managers._server import Server

__all__ = ["AnyLink", "Link", "LocalLink", "forget_links", "link_to", "serve_here", "stop_serving_here"]


class AnyLink(Protocol):
    """A way to a server."""

    sealed_key: bytes
    posted: int

    def call(self, ident: str | None, method: str, args: tuple[Any, ...], kwds: Mapping[str, Any]) -> Any:
        """What a method of a referent returns, or of the server itself; blocks."""

    def claim(self, ident: str, loan: bytes | None) -> None:
        """Take a reference, in place of a loan; blocks."""

    def lend(self, ident: str, loan: bytes) -> None:
        """Let a reference travel."""

    def release(self, ident: str) -> None:
        """Drop a reference; may be called by a finalizer."""


class Link:
    """A way to a server of another process.

    :param address: the server's.
    :param authkey: the server's.
    """

    def __init__(self, address: Any, authkey: bytes) -> None:
        self.address, self.authkey = address, authkey
        self.pid: int | None = None
        self.server_id = ""
        self.sealed_key = b""
        self._seal: Seal | None = None
        self._id = os.urandom(16)
        self._threads = threading.local()  # `connection`, while the thread makes no call
        self._keeper: Connection | None = None
        self._opening = threading.Lock()  # guards the making of the keeper
        self._posting = threading.Lock()  # held by whoever sends through the keeper
        self._posts: deque[tuple[str, str, bytes]] = deque()
        self.posted = 0  # messages sent through the keeper
        self.abandoned = False

    def open(self) -> None:
        """Connect, unless it is; blocks.

        :raises ServerGone: if nobody listens.
        :raises AuthenticationError: if the key is wrong.
        """
        if self._keeper is not None:
            return
        with self._opening:
            if self._keeper is None:
                keeper = self._connect(KEEPER)
                try:
                    self.pid, self.server_id, sealed = loads(keeper.recv_bytes())
                except (OSError, EOFError) as error:
                    raise self._gone(error) from error
                self._remember_key(sealed)
                self._keeper = keeper
                _State.by_server[self.server_id] = self

    def ended(self) -> bool:
        """Whether the server hung up: it tells the keeper nothing but who it is."""
        return self._keeper is not None and self._keeper.poll()

    def call(self, ident: str | None, method: str, args: tuple[Any, ...], kwds: Mapping[str, Any]) -> Any:
        """What a method of a referent returns, or of the server itself, if ``ident`` is ``None``; blocks.

        :raises ServerGone: if the server is gone.
        :raises BaseException: what the method raises.
        """
        request = dumps((ident, method, args, kwds))
        # Taken out while it is in use: a signal handler or finalizer that calls meanwhile gets another.
        connection = self._threads.__dict__.pop("connection", None) or self._connect_caller()
        try:
            connection.send_bytes(request)
            answer = connection.recv_bytes()
        except (OSError, EOFError) as error:
            connection.close()
            raise self._gone(error) from error
        except BaseException:
            connection.close()  # what comes next would be the answer to this call
            raise
        self._threads.connection = connection
        return result_of(answer)

    def claim(self, ident: str, loan: bytes | None) -> None:
        """Take a reference, in place of a loan; blocks.

        :raises HandleError: if the referent is gone.
        :raises ServerGone: if the server is gone.
        """
        self.call(None, "claim", (ident, loan), {})

    def lend(self, ident: str, loan: bytes) -> None:
        """Let a reference travel."""
        self._post(("lend", ident, loan))

    def release(self, ident: str) -> None:
        """Drop a reference; may be called by a finalizer."""
        self._post(("drop", ident, b""))

    def abandon(self) -> None:
        """In a forked child: this is the parent's."""
        self.abandoned = True

    def _connect_caller(self) -> Connection:
        self.open()
        return self._connect(CALLER)

    def _connect(self, role: str) -> Connection:
        try:
            connection = Client(self.address, authkey=self.authkey)
            keep_private(connection)
            connection.send_bytes(dumps((role, self._id)))
        except (ConnectionError, FileNotFoundError, EOFError) as error:
            raise self._gone(error) from error
        return connection

    def _remember_key(self, sealed: bytes) -> None:
        # The server's seal lasts as long as the server; but its family need not be ours.
        if unseal(sealed) != self.authkey:
            self._seal = Seal(self.authkey)
            sealed = self._seal.sealed
        self.sealed_key = sealed

    def _post(self, post: tuple[str, str, bytes]) -> None:
        """Send through the keeper; whoever is sending already, perhaps below us, does it for us."""
        if self.abandoned:
            return
        self._posts.append(post)
        while self._posts and self._posting.acquire(blocking=False):
            try:
                self._send_posts()
            finally:
                self._posting.release()

    def _send_posts(self) -> None:
        posts: list[tuple[str, str, bytes]] = []
        while self._posts:
            posts.append(self._posts.popleft())
        if posts and self._keeper is not None:
            try:
                self._keeper.send_bytes(dumps(posts))
                self.posted += 1
            except OSError:
                pass  # the server is gone, and the references with it

    def _gone(self, error: Exception) -> ServerGone:
        _forget(self)
        process = "" if self.pid is None else f", process {self.pid},"
        reason = f": {error}" if str(error) else ""
        return ServerGone(f"the manager's server{process} at {self.address!r} is gone{reason}", self.address, self.pid)


class LocalLink:
    """A way to the server of this process."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.sealed_key = server.sealed_key
        self.posted = 0

    def call(self, ident: str | None, method: str, args: tuple[Any, ...], kwds: Mapping[str, Any]) -> Any:
        """What a method of a referent returns."""
        if self._server.stop_event.is_set():
            raise ServerGone(f"the manager's server at {self._server.address!r} was stopped", self._server.address)
        return self._server.perform(self._server.residents, ident, method, args, kwds)

    def referent(self, ident: str) -> Any:
        """The referent itself."""
        return self._server.table.find(ident).obj

    def claim(self, ident: str, loan: bytes | None) -> None:
        """Take a reference, in place of a loan."""
        self._server.table.claim(self._server.residents, ident, loan)

    def lend(self, ident: str, loan: bytes) -> None:
        """Let a reference travel."""
        self._server.table.lend(ident, loan)

    def release(self, ident: str) -> None:
        """Drop a reference; may be called by a finalizer."""
        self._server.table.drop(self._server.residents, ident)


class _State:
    guard = threading.Lock()  # guards by_address
    by_address: weakref.WeakValueDictionary[tuple[Any, bytes], Link] = weakref.WeakValueDictionary()
    by_server: weakref.WeakValueDictionary[str, Link] = weakref.WeakValueDictionary()
    here: dict[str, LocalLink] = {}


def link_to(address: Any, authkey: bytes, server_id: str = "") -> AnyLink:
    """The link to a server.

    :param server_id: which of those that may have had this address, or have it under another name.
    """
    known = _State.here.get(server_id) or _State.by_server.get(server_id)
    return known or remote_link(address, authkey)


def remote_link(address: Any, authkey: bytes) -> Link:
    """The link to whatever server listens at this address."""
    with _State.guard:
        link = _State.by_address.get((address, authkey))
        if link is None or link.ended():
            link = _State.by_address[address, authkey] = Link(address, authkey)
        return link


def serve_here(server: Server) -> None:
    """Let proxies of this process reach its server without a connection."""
    _State.here[server.table.server_id] = LocalLink(server)


def stop_serving_here(server: Server) -> None:
    """The opposite of `serve_here`."""
    _State.here.pop(server.table.server_id, None)


def forget_links() -> None:
    """In a forked child: begin with none; their connections were closed."""
    for link in [*_State.by_address.values(), *_State.by_server.values()]:
        link.abandon()
    _State.guard = threading.Lock()
    _State.by_address = weakref.WeakValueDictionary()
    _State.by_server = weakref.WeakValueDictionary()
    _State.here = {}


def _forget(link: Link) -> None:
    with _State.guard:
        if _State.by_address.get((link.address, link.authkey)) is link:
            del _State.by_address[link.address, link.authkey]
    _State.by_server.pop(link.server_id, None)
