"""`Listener` and `Client`: connections between programs that are not of one family."""

from __future__ import annotations

import time
from functools import partial
from types import TracebackType

from processing_core import ClosedError
from processing_core.annotations import TYPE_CHECKING, Any, Literal, Self
from processing_core.lowlevel import BUSY, checked_timeout, limit_named, until_ready
from processing_queues._addresses import Address, Bound, bind, family_of
from processing_queues._authentication import chosen_key
from processing_queues._connection import Connection

if TYPE_CHECKING:
    import socket
    from ssl import SSLContext

    from processing_queues._pending_connections import PendingConnections

# Modules that need `socket` are imported where they are used: that takes 2 ms, a tenth of the package's import.

__all__ = ["Client", "Listener"]


class Listener:
    """A bound socket that accepts connections from `Client`.

    Without a key every process that can reach the address may connect, and a pickle that `Connection.recv` loads can
    run any code: give the listener a key unless only your own processes can reach it.

    A client must prove that it knows the key, and `accept` runs up to 64 handshakes at once: a client that is silent or
    slow, or uses another protocol, keeps no other waiting.  Before a client has shown it, nothing that it sends is
    unpickled, and no more than 256 bytes are kept.  The project's log (`get_logger`) has a line for each client that
    was refused.

    :param address: a path, an abstract name (it begins with a zero byte; Linux), or (host, port), where port 0 is any
        that is free; on Windows also a pipe's name.  ``None`` for one of its own choice that only this machine's
        processes reach, and for ``AF_UNIX`` and ``AF_PIPE`` only this user's.
    :param family: ``AF_UNIX``, ``AF_INET``, ``AF_INET6`` or, on Windows, ``AF_PIPE``; ``None`` for that of the address,
        or else ``AF_UNIX``, on Windows ``AF_PIPE``.
    :param backlog: how many connections may wait while no thread is in `accept`.
    :param authkey: the key that both sides must know; text is encoded in UTF-8.
    :param authenticate: without ``authkey``, use that of the current process.
    :param handshake_timeout: seconds in which a peer that has connected must prove that it knows the key. While no
        thread is in `accept`, at most one second counts.
    :param on_wrong_key: ``"raise"``: `accept` raises `AuthenticationError` for each peer that answers with a wrong key,
        as ``multiprocessing`` does. ``"log"``: it only refuses such a peer, as every other peer that fails.
    :param protocol: the handshake that proves the key: that of `processing`, or ``"multiprocessing"`` for clients of
        that library; the latter can be relayed by a process that does not know the key. It is never negotiated. Not
        for ``AF_PIPE``, whose messages have another form in that library.
    :param allow_md5: whether Python 3.11's ``multiprocessing`` may connect, which knows MD5 alone; only with
        ``protocol="multiprocessing"``.
    :param ssl: a server's context: a client must speak TLS before it is asked for the key.
    :raises ssl.SSLError: if ``ssl`` is a client's context.
    :raises OSError: if the address is taken, or the system refuses; ``filename`` is the address.
    :raises TypeError: if the address is of no family, the key neither bytes nor text, the time no number, or ``ssl`` no
        context.
    :raises ValueError: if there is no such family, or ``on_wrong_key`` is neither.

    >>> import processing, threading
    >>> with processing.Listener(authkey=b"secret") as listener:
    ...     def greet():
    ...         with processing.Client(listener.address, authkey=b"secret") as connection:
    ...             connection.send("hello")
    ...     threading.Thread(target=greet).start()
    ...     with listener.accept() as connection:
    ...         connection.recv()
    'hello'
    """

    _socket: socket.socket | None = None
    _bound: Bound | None = None
    _pending: PendingConnections | None = None

    @limit_named()
    def __init__(
        self,
        address: Address | None = None,
        family: str | None = None,
        backlog: int = 64,
        authkey: bytes | str | None = None,
        *,
        authenticate: bool = False,
        handshake_timeout: float = 10.0,
        on_wrong_key: Literal["raise", "log"] = "raise",
        protocol: Literal["processing", "multiprocessing"] = "processing",
        allow_md5: bool = False,
        ssl: SSLContext | None = None,
    ) -> None:
        if on_wrong_key not in ("raise", "log"):
            raise ValueError(f"on_wrong_key must be 'raise' or 'log', not {on_wrong_key!r}")
        self._authkey = chosen_key(authkey, authenticate)
        self._handshake_timeout = _checked_handshake_timeout(handshake_timeout)
        self._tells, self._allow_md5 = on_wrong_key == "raise", allow_md5
        family = family_of(address, family)
        self._protocol = _checked_protocol(protocol, allow_md5, family)
        self._last_accepted: Any = None
        self._ssl = None if ssl is None else _server_context(ssl)
        self._listen(address, family, backlog)

    @property
    def address(self) -> Any:
        """The address, as the system knows it: a path, or a tuple that begins with host and port.

        If the listener chose its file itself, it is a path under ``/proc``, if the system has that.
        """
        return self._address

    @property
    def last_accepted(self) -> Any:
        """The address of the connection that was accepted last; ``None`` if there was none, or it has none."""
        return self._last_accepted or None

    def accept(self, timeout: float | None = None) -> Connection:
        """The next connection.

        Blocks until a peer has connected and has proved that it knows the key. Peers whose handshake is not finished
        wait for the next call.  Thread-safe; a signal handler that raises interrupts it.

        :param timeout: seconds; ``None`` waits for ever, 0 does what can be done at once.
        :raises AuthenticationError: if a peer answers with a wrong key; the listener goes on listening.
        :raises TimeoutError: if the time was up.
        :raises OSError: if the listener is closed, perhaps by another thread meanwhile; or if this process may open no
            more descriptors.
        :raises TypeError: if ``timeout`` is not a number.
        """
        limit = checked_timeout(timeout) if timeout is not None else self._timeout_of_socket()
        accepted = self._open_pending().next(None if limit is None else time.monotonic() + limit)
        self._last_accepted = accepted.address
        return accepted.connection

    async def accept_async(self, timeout: float | None = None) -> Connection:
        """The next connection: `accept`, awaited in a task of an event loop.

        A cancelled call has accepted none.

        :param timeout: seconds; ``None`` waits for ever.
        :raises AuthenticationError: if a peer answers with a wrong key; the listener goes on listening.
        :raises TimeoutError: if the time was up.
        :raises OSError: as `accept`.
        """

        def attempt() -> Any:
            try:
                return self.accept(0)
            except TimeoutError:
                return BUSY

        result = await until_ready(attempt, self.fileno, checked_timeout(timeout))
        return self.accept(0) if result is BUSY else result  # which says that the time was up

    def fileno(self) -> int:
        """A descriptor that is readable when there is something to do for `accept`; for `wait` and selectors.

        That need not be a connection yet: with ``timeout=0``, `accept` does what can be done.

        :raises OSError: if the listener is closed.
        """
        return self._open_pending().fileno()

    def close(self) -> None:
        """Stop listening, and remove the file.  Does not block; a second call does nothing.

        A thread that is in `accept` leaves it with an `OSError`.
        """
        # In this order: of two threads, none closes the socket under a third that waits for what is pending.
        pending = self._pending
        listening, self._socket = self._socket, None
        if pending is not None:
            pending.end()  # a second time does nothing
            self._pending = None
        elif listening is not None:
            listening.close()
        # In one step: of two threads, the second would remove the file of the next listener with this address.
        taken: list[Bound | None] = []
        try:
            any(map(taken.append, map(self.__dict__.pop, ("_bound",), (None,))))
            if taken[0] is not None:
                taken[0].remove()
        except BaseException:  # of a signal handler: the next call removes it
            any(map(partial(setattr, self, "_bound"), taken))
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _listen(self, address: Address | None, family: str, backlog: int) -> None:
        from processing_queues._handshake_start import begin_handshake, new_socket
        from processing_queues._keyless import forget_listener
        from processing_queues._pending_connections import PendingConnections

        opened = partial(
            begin_handshake,
            key=self._authkey,
            listens=True,
            protocol=self._protocol,
            md5=self._allow_md5,
            ssl=self._ssl,
        )
        listening = self._socket = new_socket(family)
        try:
            bound = self._bound = bind(listening, address, family)
            forget_listener(bound.address)
            listening.listen(backlog)
            self._pending = PendingConnections(listening, bound.address, opened, self._handshake_timeout, self._tells)
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                if error.errno is None:  # such as of a path that is too long
                    error.add_note(f"the address is {address!r}")
                elif error.filename is None and address is not None:
                    error.filename = address
            raise
        self._address: Any = bound.address

    @property
    def _listener(self) -> Self | None:
        """Itself: programs know ``listener._listener._socket``, by which they select, or set a timeout."""
        return self if self._socket is not None else None

    def _timeout_of_socket(self) -> float | None:
        """The timeout that the program has given to the socket, which is none by itself."""
        listening = self._socket  # once, as below: another thread may close the listener
        return (listening.gettimeout() if listening is not None else None) or None

    def _open_pending(self) -> PendingConnections:
        pending = self._pending
        if pending is None:
            raise ClosedError("listener is closed")
        return pending


@limit_named()
def Client(
    address: Address,
    family: str | None = None,
    authkey: bytes | str | None = None,
    *,
    authenticate: bool = False,
    timeout: float | None = None,
    protocol: Literal["processing", "multiprocessing"] = "processing",
    allow_md5: bool = False,
    ssl: SSLContext | None = None,
    server_hostname: str | None = None,
) -> Connection:
    """Connect to a `Listener`.

    Blocks until the listener's backlog has room, and, if there is a key, until the listener has accepted; thread-safe;
    a signal handler that raises interrupts it. Without a key it waits for at most 50 ms for a listener that asks for
    one, unless an earlier connection has shown that this listener asks for none.

    :param address: the listener's.
    :param family: ``AF_UNIX``, ``AF_INET``, ``AF_INET6`` or, on Windows, ``AF_PIPE``; ``None`` for that of the address.
    :param authkey: the key that both sides must know; text is encoded in UTF-8.
    :param authenticate: without ``authkey``, use that of the current process.
    :param timeout: seconds for all of it; ``None`` waits for ever.
    :param protocol: the handshake that proves the key: that of `processing`, or ``"multiprocessing"`` for a listener of
        that library; the latter can be relayed by a process that does not know the key. It is never negotiated. Not
        for ``AF_PIPE``, whose messages have another form in that library.
    :param allow_md5: whether the listener may be one of Python 3.11's ``multiprocessing``, which knows MD5 alone; only
        with ``protocol="multiprocessing"``.
    :param ssl: a client's context: speak TLS, first of all.
    :param server_hostname: the host that the listener's certificate must name; ``None`` for the host of the address.
    :raises AuthenticationError: if the listener does not know the key, or was given none; or if it has one and none was
        given here.  Of a listener that was not in `accept` in those 50 ms, the connection's first call raises it.
    :raises ssl.SSLError: if the listener's certificate is refused, or the listener refuses this side's.
    :raises TimeoutError: if the time was up.
    :raises OSError: if no process listens there, or the system refuses; ``filename`` is the address.
    :raises EOFError: if the listener goes away meanwhile.
    :raises TypeError: if the address is of no family, the key neither bytes nor text, the time no number, or ``ssl`` no
        context.
    :raises ValueError: if there is no such family or protocol, or ``ssl`` wants to know the host's name and there is
        none.
    """
    family = family_of(address, family)
    checked = _checked_protocol(protocol, allow_md5, family)
    key, limit = chosen_key(authkey, authenticate), checked_timeout(timeout)
    from processing_queues._client import dial
    from processing_queues._handshake_start import begin_handshake

    if ssl is not None and server_hostname is None and isinstance(address, tuple):
        server_hostname = address[0]
    opened = partial(
        begin_handshake,
        key=key,
        listens=False,
        protocol=checked,
        md5=allow_md5,
        ssl=ssl and _context(ssl),
        hostname=server_hostname,
    )
    return dial(address, family, opened, limit)


def _checked_protocol(protocol: str, md5: bool, family: str) -> Literal["processing", "multiprocessing"]:
    if protocol == "multiprocessing":
        if family == "AF_PIPE":
            raise ValueError(
                "protocol='multiprocessing' is not for AF_PIPE, whose messages in multiprocessing have another form:"
                " use AF_INET on both sides"
            )
        return "multiprocessing"
    if protocol != "processing":
        raise ValueError(f"protocol must be 'processing' or 'multiprocessing', not {protocol!r}")
    if md5:
        raise ValueError("allow_md5 is for protocol='multiprocessing'; the protocol is 'processing'")
    return "processing"


def _checked_handshake_timeout(seconds: float) -> float:
    checked = checked_timeout(seconds)
    if checked is None:
        raise TypeError("handshake_timeout must be a number of seconds, not None")
    return checked


def _context(ssl: SSLContext) -> SSLContext:
    if not hasattr(ssl, "wrap_bio"):
        raise TypeError(f"ssl must be an ssl.SSLContext, not {ssl!r}")
    return ssl


def _server_context(ssl: SSLContext) -> SSLContext:
    from processing_queues._tls import Tls

    Tls(_context(ssl), listens=True)  # now, and not when a client connects
    return ssl
