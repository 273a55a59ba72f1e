"""The server of a manager's objects: a process, or a thread.

A thread accepts connections from clients that have proved that they know the key.  Each connection has a thread of its
own, and so has each pair of rings by which calls come within the family.  :mod:`processing_managers._wire.messages`
describes the messages; :mod:`processing_managers._client.request_channel` explains why there are that many threads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress

from processing_core import HandleError
from processing_core.annotations import TYPE_CHECKING, Any, Literal
from processing_core.lowlevel import Descriptor, keep_private, loads, opened, sub_warning, text_of
from processing_managers._client.links import serve_here, stop_serving_here
from processing_managers._errors import NotExposed, RemoteError
from processing_managers._platform import private_address
from processing_managers._proxies.iterator_proxy import IteratorProxy
from processing_managers._proxies.proxy import Token
from processing_managers._server.managed_waits import undo_of
from processing_managers._server.nesting import Nesting
from processing_managers._server.registry import Entry, Registry
from processing_managers._server.request_handler import RequestHandler
from processing_managers._server.session import Identity, Session, acting_as, current_identity
from processing_managers._server.streams import hang_up
from processing_managers._server.table import Referent, Table
from processing_managers._wire.keys import Seal
from processing_managers._wire.messages import CONTROL, GET_VALUE, LONGEST_HELLO, STR, read_hello
from processing_managers._wire.serializers import PICKLE, Serializer
from processing_queues import Connection, Listener

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["Server"]

_BACKLOG = 128
# Seconds after which the main thread wakes. The system delivers a signal to any thread, but only the main thread runs
# its handler, when it next wakes.  (Measured: 10 of 100 busy servers that were terminated did not notice.)
_SLICE = 0.2
_BREATH = 0.05  # seconds until it accepts again, after an error
_ROOM = 8  # descriptors: a client has two connections; the selector of the listener has some, too
_NONE: Mapping[str, Any] = {}

# Types that every server can make.
_UNREGISTERED = {"Iterator": Entry(None, IteratorProxy._exposed_, {}, IteratorProxy)}


class Server:
    """Serves the objects of a manager; `BaseManager.get_server` makes one.

    :param registry: the types of objects that it can create.
    :param address: where to listen; ``None`` for an address that no other process has.
    :param authkey: the key that clients must know.
    :param ssl: a server's context: speak TLS.
    :param nested: make lists, dicts and sets managed that are put into managed lists and dicts.
    :param protocol: by which handshake clients show that they know the key.
    :param serializer: for the messages over streams; rings within the family use the kernel's encoding.
    :raises OSError: if it cannot listen there.
    """

    def __init__(
        self,
        registry: Registry,
        address: Any,
        authkey: bytes,
        ssl: SSLContext | None = None,
        nested: bool = False,
        protocol: Literal["processing", "multiprocessing"] = "processing",
        serializer: Serializer = PICKLE,
    ) -> None:
        self._serializer = serializer
        self._registry = registry
        self._authkey = authkey
        self._nesting = Nesting(self._resident_proxy) if nested else None
        self._seal = Seal(authkey)
        self.sealed_key: bytes = self._seal.sealed
        self.listener: Listener = Listener(
            private_address(ssl is not None or protocol != "processing") if address is None else address,
            backlog=_BACKLOG,
            authkey=authkey,
            on_wrong_key="log",
            protocol=protocol,
            ssl=ssl,
        )
        _check_room(self.listener)
        self.protocol: Literal["processing", "multiprocessing"] = protocol
        self.address: Any = self.listener.address
        self.table: Table = Table()
        self._referents: Mapping[str | None, Referent] = self.table.referents  # type: ignore[assignment]
        self.residents: Session = Session()
        self.stop_event: threading.Event = threading.Event()
        self.segments: list[str] = []  # names of memory to unlink at the end
        self._lock = threading.Lock()  # guards the two below
        self._sessions: dict[bytes, Session] = {}
        self._connections: set[Connection] = set()

    def serve_forever(self) -> None:
        """Serve until ``stop_event`` is set, or Ctrl-C; blocks.  Call it once."""
        serve_here(self)
        accepting = threading.Thread(target=self._accept, daemon=True)
        try:
            accepting.start()  # from now on there may be clients, while this thread still waits in here
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
        self,
        session: Session,
        ident: str | None,
        method: str,
        args: tuple[Any, ...],
        kwds: Mapping[str, Any] = _NONE,
        ticket: int = 0,
    ) -> Any:
        """Carry out a client's call, and return its result.

        :param ident: the referent's; ``None`` is the server itself.
        :param ticket: of a call that may be withdrawn; 0 for others.
        """
        if session.done and ident is not None:
            session.acknowledge(current_identity().thread)
        if ticket:
            return self._perform_waiting(session, ident, method, args, kwds, ticket)
        referent = self._referents.get(ident)
        if referent is not None and (function := referent.ready.get(method)) is not None:
            return function(*args, **kwds)
        if ident is None:
            return getattr(self, f"_do_{method}")(session, *args, **kwds)
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

    def _perform_waiting(
        self,
        session: Session,
        ident: str | None,
        method: str,
        args: tuple[Any, ...],
        kwds: Mapping[str, Any],
        ticket: int,
    ) -> Any:
        session.begin(ticket)
        undo = None
        try:
            result = self.perform(session, ident, method, args, kwds)
            undo = undo_of(self.table.find(str(ident)).obj, method, result)
        finally:
            session.finish(ticket, undo)
        return result

    # -- what clients ask the server itself

    def _do_create(self, session: Session, typeid: str, args: tuple[Any, ...], kwds: Mapping[str, Any]) -> Any:
        if typeid not in self._registry:
            raise RemoteError(f"typeid {typeid!r} is not registered with the server\n")
        try:
            if self._nesting is not None and typeid in ("list", "dict"):
                args, kwds = self._nesting.contents(typeid, args, kwds)
            obj = self._registry[typeid].make(args, kwds)
        except Exception as error:
            raise RemoteError(text_of(error)) from error
        return self._add(session, typeid, obj)

    def _do_claim(self, session: Session, ident: str, flight: bytes | None) -> None:
        self.table.claim(session, ident, flight)

    def _do_exposed(self, session: Session, ident: str) -> tuple[str, ...]:
        return tuple(sorted(self.table.find(ident).exposed))

    def _do_calls_under_way(self, session: Session) -> int:
        return session.calls_under_way()

    def _do_undo(self, session: Session, ticket: int, *call: Any) -> None:
        if session.undo(ticket):
            session.await_end(ticket)

    def _do_do(self, session: Session, ticket: int, ident: str, method: str, args: tuple[Any, ...]) -> None:
        if session.is_to_do(ticket):
            self.perform(session, ident, method, args)

    def _do_dummy(self, session: Session) -> None: ...

    def _do_number_of_objects(self, session: Session, messages: int = 0) -> int:
        session.await_control_messages(messages)
        return len(self.table.snapshot())

    def _do_debug_info(self, session: Session, messages: int = 0) -> str:
        session.await_control_messages(messages)
        return "\n".join(
            f"  {ident}:       refcount={referent.count}\n    {str(referent.obj)[:75]}"
            for ident, referent in self.table.snapshot()
        )

    def _do_track_segment(self, session: Session, name: str) -> None:
        self.segments.append(name)

    def _do_list_segments(self, session: Session) -> list[str]:
        return list(self.segments)

    # -- referents

    def _add(self, session: Session, typeid: str, obj: Any) -> tuple[str, tuple[str, ...]]:
        entry = self._entry(typeid)
        exposed = entry.exposed_of(obj)
        return self.table.add(Referent(typeid, obj, exposed, entry.method_to_typeid), session), exposed

    def _resident_proxy(self, typeid: str, obj: Any) -> Any:
        """A proxy in this process; sending it makes it the client's."""
        ident, exposed = self._add(self.residents, typeid, obj)
        token = Token(typeid, self.address, ident)
        return self._entry(typeid).proxytype(
            token, self._serializer.name, authkey=self._authkey, exposed=exposed, incref=False
        )

    def _entry(self, typeid: str) -> Entry:
        return self._registry.get(typeid) or _UNREGISTERED[typeid]

    def _keep_iterator(self, iterator: Iterator[Any]) -> Any:
        """A proxy for a method's result that cannot be sent."""
        return self._resident_proxy("Iterator", iterator)

    @staticmethod
    def _fallback(referent: Referent, method: str) -> Any:
        """Carry out a call that every proxy may make, exposed or not."""
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
                connection = self.listener.accept()
            except OSError:  # the listener is closed, or there is no descriptor left at this moment
                self.stop_event.wait(_BREATH)
                continue
            try:
                threading.Thread(target=self._handle, args=(connection,), daemon=True).start()
            except RuntimeError as error:  # the system has no more threads
                sub_warning("manager's server at %r hung up on a client: %s", self.address, error)
                connection.close()

    def _handle(self, connection: Connection) -> None:
        with connection:
            keep_private(connection)
            with self._lock:
                self._connections.add(connection)
            try:
                if not self.stop_event.is_set():
                    self._serve(connection)
            except (ConnectionError, EOFError):
                pass  # the client is gone
            except Exception as error:  # it does not follow the protocol; or the system refuses a call
                if not self.stop_event.is_set():  # else the connection was closed here
                    sub_warning("manager's server at %r hung up on a client: %r", self.address, error)
            finally:
                with self._lock:
                    self._connections.discard(connection)

    def _serve(self, connection: Connection) -> None:
        role, client_id, thread = read_hello(connection.recv_bytes(LONGEST_HELLO))
        if role == CONTROL:
            self._serve_control(connection, client_id)
            return
        session = self._sessions.get(client_id)
        if session is not None:
            self._handler(session, thread).serve_stream(connection)

    def _handler(self, session: Session, thread: int) -> RequestHandler:
        return RequestHandler(self.perform, self._keep_iterator, session, thread, self._serializer)

    def _serve_control(self, connection: Connection, client_id: bytes) -> None:
        session = Session()
        with self._lock:
            self._sessions[client_id] = session
        try:
            connection.send_bytes(self._serializer.dumps((os.getpid(), self.table.server_id, self.sealed_key)))
            while True:
                self._handle_control_messages(session, self._serializer.loads(connection.recv_bytes()))
                session.count_control_messages()
        finally:
            with self._lock:
                del self._sessions[client_id]
            session.leave()
            self.table.leave(session)

    def _handle_control_messages(self, session: Session, messages: list[tuple[int, str, Any, bytes]]) -> None:
        for number, what, subject, payload in messages:
            if number <= session.last_control_number:
                continue  # sent twice, because a signal handler kept the client from noting that it was sent
            session.last_control_number = number
            if what == "send":
                self.table.send_reference(subject, payload)
            elif what == "drop":
                self.table.drop(session, subject)
            elif what == "undo":
                session.undo(subject)
            elif what == "do":
                self._do_late(session, subject, *self._serializer.loads(payload))
            elif self._serializer is PICKLE:
                self._open_rings(session, subject, payload)

    def _do_late(
        self, session: Session, ticket: int, thread: int, ident: str, method: str, args: tuple[Any, ...]
    ) -> None:
        with acting_as(Identity(session, thread)), suppress(Exception):  # for which no client waits
            self._do_do(session, ticket, ident, method, args)

    def _open_rings(self, session: Session, thread: int, pickled: bytes) -> None:
        try:
            requests, answers = loads(pickled)
        except HandleError:
            return  # the caller is gone already
        session.receive_by(requests)
        serve = self._handler(session, thread).serve_ring
        try:
            threading.Thread(target=serve, args=(requests, answers), daemon=True).start()
        except RuntimeError:  # the system has no more threads
            answers._shut()

    def _stop(self, accepting: threading.Thread) -> None:
        self.stop_event.set()
        stop_serving_here(self)
        self.listener.close()
        if accepting.is_alive():
            accepting.join()
        with self._lock:
            sessions = list(self._sessions.values())
        for session in sessions:
            session.leave()
        with self._lock:  # none of these is closed meanwhile, so that its number is another stream's
            for connection in self._connections:
                hang_up(connection)
        self._unlink_segments()

    def _unlink_segments(self) -> None:
        if not self.segments:
            return
        from processing_managers._platform import names

        while self.segments:
            with suppress(FileNotFoundError):  # its user did
                names.unlink(self.segments.pop())


def _check_room(listener: Listener) -> None:
    """Make sure that the server has descriptors for a client, which would otherwise wait for ever.

    :raises OSError: if the system does not grant enough descriptors.
    """
    taken: list[Descriptor] = []
    try:
        taken.extend(opened(os.devnull, os.O_RDONLY) for _ in range(_ROOM))
    except BaseException:
        listener.close()
        raise
    finally:
        for descriptor in taken:
            descriptor.close()
