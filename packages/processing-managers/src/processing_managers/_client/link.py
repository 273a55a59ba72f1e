"""`Link`: how the proxies and managers of this process reach a server of another process."""

from __future__ import annotations

import errno
import itertools
import os
import threading
from _pickle import UnpicklingError
from collections.abc import Mapping
from functools import partial

from processing_core import AuthenticationError
from processing_core.annotations import Any, Protocol
from processing_core.lowlevel import Channel as Ring
from processing_core.lowlevel import ScopeGuard, ThreadLock, dumps, keep_private, loaded
from processing_managers._client.connect_options import HandshakeProtocol, handshake_of, ssl_context_of
from processing_managers._client.request_channel import Lost, RequestChannel, RingChannel, StreamChannel
from processing_managers._errors import ServerGone
from processing_managers._wire.keys import Seal, unseal
from processing_managers._wire.messages import CONTROL, REQUESTS, hello
from processing_managers._wire.serializers import PICKLE, Serializer
from processing_queues import Client, Connection

__all__ = ["AnyLink", "Link", "LinkRegistry"]

UNREADABLE = (UnpicklingError, ValueError, TypeError, LookupError, EOFError, AttributeError, ImportError)
"""What a serializer raises for what another has written."""


class AnyLink(Protocol):
    """A way to a server."""

    sealed_key: bytes
    control_messages_sent: int

    @property
    def protocol(self) -> HandshakeProtocol:
        """The handshake by which other processes connect to the server."""

    def call(
        self, ident: str | None, method: str, args: tuple[Any, ...], kwds: Mapping[str, Any], ticket: int = 0
    ) -> Any:
        """Call a method of a referent, or of the server itself, and return its result; blocks."""

    async def call_async(self, ident: str, method: str, args: tuple[Any, ...], kwds: Mapping[str, Any]) -> Any:
        """As `call`, awaited in a task of an event loop."""

    def new_ticket(self) -> int:
        """A number for a call that may be withdrawn; 0 if calls of this link cannot be."""

    def undo(self, ticket: int) -> None:
        """Undo a call, whether it was carried out, waits in the server, or is on its way; blocks until that is done."""

    def do(self, ticket: int, ident: str, method: str, args: tuple[Any, ...]) -> None:
        """Carry out a call that was not carried out yet; blocks until it is done."""

    def claim(self, ident: str, flight: bytes | None) -> None:
        """Take a reference, in place of an in-flight one; blocks."""

    def send_reference(self, ident: str, flight: bytes) -> None:
        """Send a reference in flight."""

    def release(self, ident: str) -> None:
        """Drop a reference; may be called by a finalizer."""


_OURS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EPERM}
"""Errors of this process alone, which tell nothing of the server."""

_ControlMessage = tuple[str, str | int, bytes]
_NumberedMessage = tuple[int, str, str | int, bytes]


class _Thread(threading.local):
    """The idle channels of a thread of this process."""

    def __init__(self) -> None:
        self.idle: list[RequestChannel] = []


class LinkRegistry(Protocol):
    """What a link notifies of its state."""

    def opened(self, link: Link) -> None:
        """Note that the link is connected to its server."""

    def gone(self, link: Link) -> None:
        """Note that the link's server is gone."""


class Link:
    """A way to a server of another process.

    :param address: the server's.
    :param authkey: the server's.
    :param serializer: the server's.
    :param registry: is notified when the link is connected, and when the server is gone.
    """

    def __init__(
        self,
        address: Any,
        authkey: bytes,
        serializer: Serializer = PICKLE,
        registry: LinkRegistry | None = None,
    ) -> None:
        self._registry = registry
        self.address, self.authkey, self.serializer = address, authkey, serializer
        self.pid: int | None = None
        self.server_id = ""
        self.sealed_key = b""
        self._seal: Seal | None = None
        self._id = os.urandom(16)
        self._near = False  # whether the server is of our family
        self._threads = _Thread()
        self._control: Connection | None = None
        self._opening = ThreadLock()  # guards the making of the control connection
        sending = threading.Lock()  # held by the thread that sends by the control connection
        self._try_sending, self._end_sending = partial(sending.acquire, False), sending.release
        self._hearing = ThreadLock()  # held by the thread that tests whether the control connection has ended
        # By a key that is given once: those that any thread has queued, and those that the sending thread has numbered.
        self._control_messages: dict[int, _ControlMessage] = {}
        self._numbered: dict[int, _NumberedMessage] = {}
        self._control_keys, self._control_numbers = itertools.count(1), itertools.count(1)
        self._tickets = itertools.count(1)
        self.control_messages_sent = 0  # messages sent by the control connection
        self._lost = False  # once the server is gone; a server that is started later is another one
        self.abandoned = False

    @property
    def protocol(self) -> HandshakeProtocol:
        """The handshake by which this process connects."""
        return handshake_of(self.address)

    def open(self) -> None:
        """Connect, unless the link is connected; blocks.

        :raises ServerGone: if no process listens there.
        :raises AuthenticationError: if the key is wrong.
        :raises ValueError: if the server has another serializer.
        """
        if self._control is not None:
            return
        with self._opening:
            if self._control is None:
                control = self._connect(CONTROL)
                try:
                    said = control.recv_bytes()
                except (OSError, EOFError) as error:
                    raise self._gone(error) from error
                self.pid, self.server_id, sealed = self._read_greeting(said)
                self._remember_key(sealed)
                self._control = control
                if self._registry is not None:
                    self._registry.opened(self)

    def _read_greeting(self, said: bytes) -> tuple[int, str, bytes]:
        try:
            pid, server_id, sealed = self.serializer.loads(said)
        except UNREADABLE as error:  # and not what a signal handler raises
            name = self.serializer.name
            raise ValueError(f"serializer {name!r}: the manager's server at {self.address!r} has another") from error
        return pid, server_id, sealed

    def ended(self) -> bool:
        """Whether the server has closed the control connection, by which it sends nothing after its greeting."""
        with self._hearing:
            return self._control is not None and self._control.poll()

    def call(
        self, ident: str | None, method: str, args: tuple[Any, ...], kwds: Mapping[str, Any], ticket: int = 0
    ) -> Any:
        """Call a method of a referent, or of the server itself if ``ident`` is ``None``; blocks.

        :param ticket: of a call that may be withdrawn.
        :raises ServerGone: if the server is gone.
        :raises BaseException: what the method raises.
        """
        # The channel is removed while it is in use: a call by a signal handler or finalizer meanwhile, or while an
        # answer is unpickled, takes another one.
        if self._lost:
            raise self._gone()
        idle = self._threads.idle
        channel = idle.pop() if idle else self._open_channel()
        try:
            if ticket:
                return channel.ask((ident, method, args, kwds, ticket))
            return channel.ask((ident, method, args, kwds) if kwds else (ident, method, args))
        except Lost as lost:
            self._lost = True
            raise self._gone(lost) from lost
        finally:
            if channel.pending:
                channel.close()
            else:
                idle.append(channel)

    async def call_async(self, ident: str, method: str, args: tuple[Any, ...], kwds: Mapping[str, Any]) -> Any:
        """As `call`, awaited in a task of an event loop; cancelled, the call is withdrawn.

        Only the first call of a thread blocks, while the connection is made.
        """
        if self._lost:
            raise self._gone()
        idle, ticket = self._threads.idle, self.new_ticket()
        channel = idle.pop() if idle else self._open_channel()
        try:
            return await channel.ask_async((ident, method, args, kwds, ticket))
        except Lost as lost:
            self._lost = True
            raise self._gone(lost) from lost
        finally:
            if channel.pending:
                channel.close()
                self._send_control(("undo", ticket, self.serializer.dumps((threading.get_ident(), "", "", ()))))
            else:
                idle.append(channel)

    def new_ticket(self) -> int:
        """A number for a call that may be withdrawn."""
        return next(self._tickets)

    def undo(self, ticket: int) -> None:
        """Undo a call; blocks until it is undone.  If this is interrupted, too, the server undoes it later."""
        self._finish_call("undo", ticket, "", "", ())

    def do(self, ticket: int, ident: str, method: str, args: tuple[Any, ...]) -> None:
        """Carry out a call that was not carried out yet; blocks, as `undo`."""
        self._finish_call("do", ticket, ident, method, args)

    def _finish_call(self, what: str, ticket: int, ident: str, method: str, args: tuple[Any, ...]) -> None:
        try:
            self.call(None, what, (ticket, ident, method, args), {})
        except ServerGone:
            pass  # and whatever it had given us
        except BaseException:
            self._send_control((what, ticket, self.serializer.dumps((threading.get_ident(), ident, method, args))))
            raise

    def claim(self, ident: str, flight: bytes | None) -> None:
        """Take a reference, in place of an in-flight one; blocks.

        :raises HandleError: if the referent is gone.
        :raises ServerGone: if the server is gone.
        """
        self.call(None, "claim", (ident, flight), {})

    def send_reference(self, ident: str, flight: bytes) -> None:
        """Send a reference in flight."""
        self._send_control(("send", ident, flight))

    def release(self, ident: str) -> None:
        """Drop a reference; may be called by a finalizer."""
        self._send_control(("drop", ident, b""))

    def abandon(self) -> None:
        """In a forked child: note that the link belongs to the parent."""
        self.abandoned = True

    def _open_channel(self) -> RequestChannel:
        self.open()
        thread = threading.get_ident()
        if not self._near:
            return StreamChannel(self._connect(REQUESTS, thread), self.serializer)

        def open_rings(requests: Ring[Any], answers: Ring[Any]) -> None:
            self._send_control(("open", thread, dumps((requests, answers))))

        return RingChannel(open_rings, self.ended)

    def _connect(self, role: bytes, thread: int = 0) -> Connection:
        try:
            connection = Client(
                self.address, authkey=self.authkey, protocol=self.protocol, ssl=ssl_context_of(self.address)
            )
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
        # The server's seal is valid as long as the server; but the server may belong to another family. And nothing is
        # unpickled from a server with another serializer.
        self._near = self.serializer is PICKLE and unseal(sealed) == self.authkey
        if not self._near:
            self._seal = Seal(self.authkey)
            sealed = self._seal.sealed
        self.sealed_key = sealed

    def _send_control(self, message: _ControlMessage) -> None:
        """Send a message by the control connection.

        If a thread sends already, perhaps in an outer frame, it sends this one, too. A message that was not sent
        because a signal handler raised is sent with the next.
        """
        if self.abandoned:
            return
        self._control_messages[next(self._control_keys)] = message
        while self._control_messages:
            with ScopeGuard(self._try_sending, self._end_sending) as is_ours:
                if not is_ours:
                    return
                self._send_control_messages()

    def _send_control_messages(self) -> None:
        """Send the queued messages.

        A message is kept until it is sent; by its number the server sees if it arrives twice.  The thread that sends
        numbers them, so that they arrive in the order of their numbers, whichever threads have queued them.
        """
        for key, message in list(self._control_messages.items()):
            if key not in self._numbered:  # else this was interrupted here before
                self._numbered[key] = (next(self._control_numbers), *message)
            del self._control_messages[key]
        messages = list(self._numbered.values())
        if self._control is not None:
            try:
                self._control.send_bytes(self.serializer.dumps(messages))
                self.control_messages_sent += 1
            except OSError:
                pass  # the server is gone, and the references with it
        self._numbered.clear()

    def _gone(self, error: object = "") -> ServerGone:
        if self._registry is not None:
            self._registry.gone(self)
        process = "" if self.pid is None else f", process {self.pid},"
        reason = f": {error}" if str(error) else ""
        text = f"the manager's server{process} at {self.address!r} is gone{reason}"
        return ServerGone(text, self.address, self.pid)


def _is_distrust(error: OSError) -> bool:
    ssl = loaded("ssl")
    return ssl is not None and isinstance(error, ssl.SSLError)
