"""The server: a process, or a thread, where a manager's objects live.

A thread accepts connections from those who have proved that they know the key; each connection has a thread of its
own, as have the rings by which calls come within the family.  What is said by them stands in
:mod:`processing_managers._messages`, why there is a thread for each in :mod:`processing_managers._callers`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress

from processing_core import HandleError
from processing_core.annotations import TYPE_CHECKING, Any
from processing_core.lowlevel import dumps, keep_private, loads, sub_warning
from processing_managers._attendant import Attendant
from processing_managers._clients import Client
from processing_managers._dict_proxy import IteratorProxy
from processing_managers._errors import NotExposed, RemoteError
from processing_managers._keys import Seal
from processing_managers._link import serve_here, stop_serving_here
from processing_managers._messages import GET_VALUE, KEEPER, LONGEST_HELLO, STR, read_hello, text_of
from processing_managers._nesting import Nesting
from processing_managers._proxy import Token
from processing_managers._registry import Entry, Registry
from processing_managers._streams import hang_up, private_address
from processing_managers._table import Referent, Table
from processing_queues import Connection, Listener

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["Server"]

_BACKLOG = 128
# Seconds between two looks of the main thread.  The system gives a signal to any thread, but only the main thread
# carries its handler out, when it next wakes.  (Measured: 10 of 100 busy servers that were terminated did not notice.)
_SLICE = 0.2
_BREATH = 0.05  # seconds until it accepts again, after it could not
_NONE: Mapping[str, Any] = {}

# What a server may keep, whatever its manager offers.
_UNREGISTERED = {"Iterator": Entry(None, IteratorProxy._exposed_, {}, IteratorProxy)}


class Server:
    """Serves the objects of a manager; `BaseManager.get_server` makes one.

    :param registry: what can be created.
    :param address: where to listen; ``None`` for an address that nobody else has.
    :param authkey: what clients must know.
    :param ssl: a server's context: speak TLS.
    :param nested: make lists, dicts and sets managed that are put into managed lists and dicts.
    :raises OSError: if it cannot listen there.
    """

    def __init__(
        self, registry: Registry, address: Any, authkey: bytes, ssl: SSLContext | None = None, nested: bool = False
    ) -> None:
        self._registry = registry
        self._authkey = authkey
        self._nesting = Nesting(self._resident_proxy) if nested else None
        self._seal = Seal(authkey)
        self.sealed_key: bytes = self._seal.sealed
        self._listener = Listener(
            private_address() if address is None else address,
            backlog=_BACKLOG,
            authkey=authkey,
            on_wrong_key="log",
            ssl=ssl,
        )
        self.address: Any = self._listener.address
        self.table: Table = Table()
        self._referents: Mapping[str | None, Referent] = self.table.referents  # type: ignore[assignment]
        self.residents: Client = Client()
        self.stop_event: threading.Event = threading.Event()
        self.segments: list[str] = []  # names of memory to unlink at the end
        self._lock = threading.Lock()  # guards the two below
        self._clients: dict[bytes, Client] = {}
        self._connections: set[Connection] = set()

    def serve_forever(self) -> None:
        """Serve until ``stop_event`` is set, or Ctrl-C; blocks.  Call it once."""
        serve_here(self)
        accepting = threading.Thread(target=self._accept, daemon=True)
        accepting.start()
        try:
            while not self.stop_event.wait(_SLICE):
                pass
        except KeyboardInterrupt:
            pass
        finally:
            self._stop(accepting)

    def serveForever(self) -> None:
        """0.52's name of `serve_forever`; permanent."""
        self.serve_forever()

    def perform(
        self, client: Client, ident: str | None, method: str, args: tuple[Any, ...], kwds: Mapping[str, Any] = _NONE
    ) -> Any:
        """What a client asks for.

        :param ident: the referent's; ``None`` is the server itself.
        """
        referent = self._referents.get(ident)
        if referent is not None and (function := referent.ready.get(method)) is not None:
            return function(*args, **kwds)
        if ident is None:
            return getattr(self, f"_do_{method}")(client, *args, **kwds)
        referent = self.table.find(ident)
        if method not in referent.exposed:
            return self._fallback(referent, method)
        function = getattr(referent.obj, method)
        typeid = referent.methods.get(method)
        if self._nesting is not None:
            args, kwds = self._nesting.arguments(referent.typeid, method, args, kwds)
        if typeid is not None:
            return self._resident_proxy(typeid, function(*args, **kwds))
        if referent.fixed and self._nesting is None:
            referent.ready[method] = function
        return function(*args, **kwds)

    # -- what clients ask the server itself

    def _do_create(self, client: Client, typeid: str, args: tuple[Any, ...], kwds: Mapping[str, Any]) -> Any:
        if typeid not in self._registry:
            raise RemoteError(f"typeid {typeid!r} is not registered with the server\n")
        try:
            if self._nesting is not None and typeid in ("list", "dict"):
                args, kwds = self._nesting.contents(typeid, args, kwds)
            obj = self._registry[typeid].make(args, kwds)
        except Exception as error:
            raise RemoteError(text_of(error)) from error
        return self._add(client, typeid, obj)

    def _do_claim(self, client: Client, ident: str, loan: bytes | None) -> None:
        self.table.claim(client, ident, loan)

    def _do_exposed(self, client: Client, ident: str) -> tuple[str, ...]:
        return tuple(sorted(self.table.find(ident).exposed))

    def _do_dummy(self, client: Client) -> None: ...

    def _do_number_of_objects(self, client: Client, posts: int = 0) -> int:
        client.await_posts(posts)
        return len(self.table.snapshot())

    def _do_debug_info(self, client: Client, posts: int = 0) -> str:
        client.await_posts(posts)
        return "\n".join(
            f"  {ident}:       refcount={referent.count}\n    {str(referent.obj)[:75]}"
            for ident, referent in self.table.snapshot()
        )

    def _do_track_segment(self, client: Client, name: str) -> None:
        self.segments.append(name)

    def _do_list_segments(self, client: Client) -> list[str]:
        return list(self.segments)

    # -- referents

    def _add(self, client: Client, typeid: str, obj: Any) -> tuple[str, tuple[str, ...]]:
        entry = self._entry(typeid)
        exposed = entry.exposed_of(obj)
        return self.table.add(Referent(typeid, obj, exposed, entry.method_to_typeid), client), exposed

    def _resident_proxy(self, typeid: str, obj: Any) -> Any:
        """A proxy in this process, which becomes the client's by being sent."""
        ident, exposed = self._add(self.residents, typeid, obj)
        token = Token(typeid, self.address, ident)
        return self._entry(typeid).proxytype(token, "pickle", authkey=self._authkey, exposed=exposed, incref=False)

    def _entry(self, typeid: str) -> Entry:
        return self._registry.get(typeid) or _UNREGISTERED[typeid]

    def _keep_iterator(self, iterator: Iterator[Any]) -> Any:
        """A proxy for what a method returned, and cannot be sent."""
        return self._resident_proxy("Iterator", iterator)

    @staticmethod
    def _fallback(referent: Referent, method: str) -> Any:
        """What every proxy may ask."""
        if method == GET_VALUE:
            return referent.obj
        if method == STR:
            return str(referent.obj)
        if method == "__repr__":
            return repr(referent.obj)
        kind, exposed = type(referent.obj).__name__, sorted(referent.exposed)
        raise NotExposed(f"method {method!r} of {kind!r} object is not in {exposed=}\n")

    # -- connections

    def _accept(self) -> None:
        while not self.stop_event.is_set():
            try:
                connection = self._listener.accept()
            except OSError:  # the listener is closed, or there is no descriptor left at this moment
                self.stop_event.wait(_BREATH)
                continue
            try:
                threading.Thread(target=self._attend, args=(connection,), daemon=True).start()
            except RuntimeError as error:  # so many threads that the system has no more
                sub_warning("manager's server at %r hung up on a client: %s", self.address, error)
                connection.close()

    def _attend(self, connection: Connection) -> None:
        with connection:
            keep_private(connection)
            with self._lock:
                self._connections.add(connection)
            try:
                if not self.stop_event.is_set():
                    self._serve(connection)
            except (ConnectionError, EOFError):
                pass  # the client is gone
            except Exception as error:  # it knows the key, but speaks something else; or the system refuses something
                if not self.stop_event.is_set():  # else the connection was closed here
                    sub_warning("manager's server at %r hung up on a client: %r", self.address, error)
            finally:
                with self._lock:
                    self._connections.discard(connection)

    def _serve(self, connection: Connection) -> None:
        role, client_id, thread = read_hello(connection.recv_bytes(LONGEST_HELLO))
        if role == KEEPER:
            self._keep(connection, client_id)
            return
        client = self._clients.get(client_id)
        if client is not None:
            self._attendant(client, thread).serve_stream(connection)

    def _attendant(self, client: Client, thread: int) -> Attendant:
        return Attendant(self.perform, self._keep_iterator, client, thread)

    def _keep(self, connection: Connection, client_id: bytes) -> None:
        client = Client()
        with self._lock:
            self._clients[client_id] = client
        try:
            connection.send_bytes(dumps((os.getpid(), self.table.server_id, self.sealed_key)))
            while True:
                self._take_posts(client, loads(connection.recv_bytes()))
                client.took_posts()
        finally:
            with self._lock:
                del self._clients[client_id]
            client.leave()
            self.table.leave(client)

    def _take_posts(self, client: Client, posts: list[tuple[str, Any, bytes]]) -> None:
        for what, subject, luggage in posts:
            if what == "lend":
                self.table.lend(subject, luggage)
            elif what == "drop":
                self.table.drop(client, subject)
            else:
                self._open_rings(client, subject, luggage)

    def _open_rings(self, client: Client, thread: int, pickled: bytes) -> None:
        try:
            requests, answers = loads(pickled)
        except HandleError:
            return  # the caller is gone already
        client.receive_by(requests)
        serve = self._attendant(client, thread).serve_ring
        try:
            threading.Thread(target=serve, args=(requests, answers), daemon=True).start()
        except RuntimeError:  # so many threads that the system has no more
            answers._shut()

    def _stop(self, accepting: threading.Thread) -> None:
        self.stop_event.set()
        stop_serving_here(self)
        self._listener.close()
        accepting.join()
        with self._lock:
            clients, connections = list(self._clients.values()), list(self._connections)
        for client in clients:
            client.leave()
        for connection in connections:
            hang_up(connection)
        self._unlink_segments()

    def _unlink_segments(self) -> None:
        if not self.segments:
            return
        from processing_managers._named import names

        while self.segments:
            with suppress(FileNotFoundError):  # its user did
                names.unlink(self.segments.pop())
