"""`Listener` and `Client`: connections between programs that are not of one family."""

from __future__ import annotations

from types import TracebackType

from processing_core import ClosedError
from processing_core.annotations import TYPE_CHECKING, Any, Self
from processing_queues._addresses import Address, SocketFile, bind, family_of
from processing_queues._authentication import answer_challenge, chosen_key, deliver_challenge
from processing_queues._connection import Connection

if TYPE_CHECKING:
    import socket

__all__ = ["Client", "Listener"]


class Listener:
    """A bound socket that accepts connections from `Client`.

    Without a key anybody who can reach the address may connect, and what `Connection.recv` unpickles can run any code:
    give it a key wherever that is not only you.

    :param address: a path, an abstract name (it begins with a zero byte; Linux), or (host, port), where port 0 is any
        that is free.  ``None`` for one of its own choice: for ``AF_UNIX`` a file in a new folder of this user's.
    :param family: ``AF_UNIX`` or ``AF_INET``; ``None`` for that of the address, or else ``AF_UNIX``.
    :param backlog: how many connections may wait to be accepted.
    :param authkey: the key that both sides must know; text is encoded in UTF-8.
    :param authenticate: without ``authkey``, use that of the current process.
    :raises OSError: if the address is taken, or the system refuses.
    :raises TypeError: if the address is of no family, or the key neither bytes nor text.
    :raises ValueError: if there is no such family.

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
    _file: SocketFile | None = None

    def __init__(
        self,
        address: Address | None = None,
        family: str | None = None,
        backlog: int = 1,
        authkey: bytes | str | None = None,
        *,
        authenticate: bool = False,
    ) -> None:
        self._authkey = chosen_key(authkey, authenticate)
        family = family_of(address, family)
        self._socket = _new_socket(family)
        try:
            self._file = bind(self._socket, address, family)
            self._socket.listen(backlog)
        except BaseException:
            self.close()
            raise
        self._address: Any = self._socket.getsockname()
        self._last_accepted: Any = None

    @property
    def address(self) -> Any:
        """The address, as the system knows it: a path, or (host, port)."""
        return self._address

    @property
    def last_accepted(self) -> Any:
        """The address of the connection that was accepted last; ``None`` if there was none, or it has none."""
        return self._last_accepted or None

    def accept(self) -> Connection:
        """The next connection.

        Blocks until somebody connects, and has shown that it knows the key.  Thread-safe; a signal handler that raises
        interrupts it.

        :raises AuthenticationError: if the other side does not know the key; the listener goes on listening.
        :raises EOFError: if the other side goes before it has shown that.
        :raises OSError: if the listener is closed.
        """
        accepted, self._last_accepted = self._open_socket().accept()
        connection = _connection_of(accepted)
        return connection if self._authkey is None else _closed_unless(connection, self._authkey, asks_first=True)

    def fileno(self) -> int:
        """The descriptor, which is readable when somebody waits to be accepted; for `wait` and selectors.

        :raises OSError: if the listener is closed.
        """
        return self._open_socket().fileno()

    def close(self) -> None:
        """Stop listening, and remove the file.  Does not block; a second call does nothing."""
        listening, self._socket = self._socket, None
        if listening is not None:
            listening.close()
        file, self._file = self._file, None
        if file is not None:
            file.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _open_socket(self) -> socket.socket:
        if self._socket is None:
            raise ClosedError("listener is closed")
        return self._socket


def Client(
    address: Address,
    family: str | None = None,
    authkey: bytes | str | None = None,
    *,
    authenticate: bool = False,
) -> Connection:
    """Connect to a `Listener`.

    Blocks until it has accepted, where there is a key; thread-safe; a signal handler that raises interrupts it.

    :param address: the listener's.
    :param family: ``AF_UNIX`` or ``AF_INET``; ``None`` for that of the address.
    :param authkey: the key that both sides must know; text is encoded in UTF-8.
    :param authenticate: without ``authkey``, use that of the current process.
    :raises AuthenticationError: if the listener does not know the key.
    :raises OSError: if nobody listens there, or the system refuses.
    :raises EOFError: if the listener goes away meanwhile.
    :raises TypeError: if the address is of no family, or the key neither bytes nor text.
    :raises ValueError: if there is no such family.
    """
    key = chosen_key(authkey, authenticate)
    socket = _new_socket(family_of(address, family))
    try:
        socket.connect(address)
    except BaseException:
        socket.close()
        raise
    connection = _connection_of(socket)
    return connection if key is None else _closed_unless(connection, key, asks_first=False)


def _new_socket(family: str) -> socket.socket:
    import socket  # here, for it takes 2 ms, a tenth of the package's import

    made = socket.socket(getattr(socket, family))
    made.setblocking(True)  # whatever ``socket.setdefaulttimeout`` says
    return made


def _connection_of(connected: socket.socket) -> Connection:
    import socket

    connected.setblocking(True)
    if connected.family == socket.AF_INET:
        # Each message is written in one piece: nothing is gained by waiting for more.
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Connection(connected.detach())


def _closed_unless(connection: Connection, key: bytes, *, asks_first: bool) -> Connection:
    """``connection``, once both sides have shown that they know the key."""
    try:
        if asks_first:
            deliver_challenge(connection, key)
        answer_challenge(connection, key)
        if not asks_first:
            deliver_challenge(connection, key)
    except BaseException:
        connection.close()
        raise
    return connection
