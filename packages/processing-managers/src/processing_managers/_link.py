"""Links: how the proxies of this process reach a server.

One `Link` serves all proxies and managers of this process that know the same server; a `LocalLink` serves the proxies
that live in the server's own process, such as those in a managed list.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Mapping

from processing_core import AuthenticationError
from processing_core.annotations import TYPE_CHECKING, Any, Protocol
from processing_core.lowlevel import Queue as Ring
from processing_core.lowlevel import dumps, keep_private, loads
from processing_managers._callers import Caller, Lost, RingCaller, StreamCaller
from processing_managers._errors import ServerGone
from processing_managers._keys import Seal, unseal
from processing_managers._messages import CALLER, KEEPER, hello
from processing_queues import Client, Connection

if TYPE_CHECKING:
    from ssl import SSLContext

    from processing_managers._server import Server

__all__ = ["AnyLink", "Link", "LocalLink", "encrypt", "forget_links", "link_to", "serve_here", "stop_serving_here"]


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


_OURS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EPERM}
"""Why a connection may fail, whoever listens."""

_Post = tuple[str, str | int, bytes]


class _Thread(threading.local):
    """What belongs to a thread of this process."""

    def __init__(self) -> None:
        self.idle: list[Caller] = []


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
        self._near = False  # whether the server is of our family
        self._threads = _Thread()
        self._keeper: Connection | None = None
        self._opening = threading.Lock()  # guards the making of the keeper
        self._posting = threading.Lock()  # held by whoever sends through the keeper
        self._hearing = threading.Lock()  # held by whoever looks whether the keeper has ended
        self._posts: deque[_Post] = deque()
        self.posted = 0  # messages sent through the keeper
        self._lost = False  # once it is gone; a server that comes after it is another
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
        with self._hearing:
            return self._keeper is not None and self._keeper.poll()

    def call(self, ident: str | None, method: str, args: tuple[Any, ...], kwds: Mapping[str, Any]) -> Any:
        """What a method of a referent returns, or of the server itself, if ``ident`` is ``None``; blocks.

        :raises ServerGone: if the server is gone.
        :raises BaseException: what the method raises.
        """
        # Taken out while it is in use: what a signal handler or finalizer calls meanwhile, or the unpickling of an
        # answer, takes another.
        if self._lost:
            raise self._gone()
        idle = self._threads.idle
        caller = idle.pop() if idle else self._open_caller()
        try:
            return caller.ask((ident, method, args, kwds) if kwds else (ident, method, args))
        except Lost as lost:
            self._lost = True
            raise self._gone(lost) from lost
        finally:
            if caller.pending:
                caller.close()
            else:
                idle.append(caller)

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

    def _open_caller(self) -> Caller:
        self.open()
        thread = threading.get_ident()
        if not self._near:
            return StreamCaller(self._connect(CALLER, thread))

        def open_rings(requests: Ring[Any], answers: Ring[Any]) -> None:
            self._post(("open", thread, dumps((requests, answers))))

        return RingCaller(open_rings, self.ended)

    def _connect(self, role: bytes, thread: int = 0) -> Connection:
        try:
            connection = Client(self.address, authkey=self.authkey, ssl=_State.contexts.get(self.address))
            keep_private(connection)
            connection.send_bytes(hello(role, self._id, thread))
        except AuthenticationError as error:
            raise AuthenticationError(f"{error}, by the manager's server at {self.address!r}") from None
        except (OSError, EOFError) as error:
            if isinstance(error, OSError) and (error.errno in _OURS or _is_distrust(error)):
                raise
            raise self._gone(error) from error
        return connection

    def _remember_key(self, sealed: bytes) -> None:
        # The server's seal lasts as long as the server; but its family need not be ours.
        self._near = unseal(sealed) == self.authkey
        if not self._near:
            self._seal = Seal(self.authkey)
            sealed = self._seal.sealed
        self.sealed_key = sealed

    def _post(self, post: _Post) -> None:
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
        posts: list[_Post] = []
        while self._posts:
            posts.append(self._posts.popleft())
        if posts and self._keeper is not None:
            try:
                self._keeper.send_bytes(dumps(posts))
                self.posted += 1
            except OSError:
                pass  # the server is gone, and the references with it

    def _gone(self, error: object = "") -> ServerGone:
        _forget(self)
        process = "" if self.pid is None else f", process {self.pid},"
        reason = f": {error}" if str(error) else ""
        text = f"the manager's server{process} at {self.address!r} is gone{reason}"
        return ServerGone(text, self.address, self.pid)


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
    contexts: dict[Any, SSLContext] = {}  # by address; forked children have them too


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


def encrypt(address: Any, context: SSLContext) -> None:
    """Let this process speak TLS with whatever server listens at this address."""
    _State.contexts[address] = context


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


def _is_distrust(error: OSError) -> bool:
    ssl = sys.modules.get("ssl")
    return ssl is not None and isinstance(error, ssl.SSLError)


def _forget(link: Link) -> None:
    with _State.guard:
        if _State.by_address.get((link.address, link.authkey)) is link:
            del _State.by_address[link.address, link.authkey]
    _State.by_server.pop(link.server_id, None)
