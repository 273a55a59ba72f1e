"""`Listener` and `Client`: connections between programs that are not of one family."""

from __future__ import annotations

import time
from functools import partial
from types import TracebackType

from processing_core import ClosedError
from processing_core.annotations import TYPE_CHECKING, Any, Literal, Self
from processing_core.lowlevel import checked_timeout
from processing_queues._addresses import Address, Bound, bind, family_of
from processing_queues._authentication import chosen_key
from processing_queues._connection import Connection

if TYPE_CHECKING:
    import socket
    from ssl import SSLContext

    from processing_queues._lobby import Lobby

# What needs `socket` is imported where it is used: that takes 2 ms, a tenth of the package's import.

__all__ = ["Client", "Listener"]


class Listener:
    """A bound socket that accepts connections from `Client`.

    Without a key anybody who can reach the address may connect, and what `Connection.recv` unpickles can run any code:
    give it a key wherever that is not only you.

    Whoever connects must show that he knows the key, and `accept` speaks with up to 64 of those at once: one who is
    silent, slow or speaks something else keeps nobody waiting.  Before he has shown it nothing of his is unpickled, and
    no more than 256 bytes are kept.  Those who are refused are told of by a line in the project's log (`get_logger`).

    :param address: a path, an abstract name (it begins with a zero byte; Linux), or (host, port), where port 0 is any
        that is free.  ``None`` for one of its own choice that only this machine's processes reach, and for ``AF_UNIX``
        only this user's.
    :param family: ``AF_UNIX``, ``AF_INET`` or ``AF_INET6``; ``None`` for that of the address, or else ``AF_UNIX``.
    :param backlog: how many connections may wait while nobody is in `accept`.
    :param authkey: the key that both sides must know; text is encoded in UTF-8.
    :param authenticate: without ``authkey``, use that of the current process.
    :param handshake_timeout: seconds in which one who connected must show that he knows the key.  Of a time when nobody
        is in `accept`, no more than one second counts.
    :param on_wrong_key: ``"raise"``: `accept` raises `AuthenticationError` for each who answers with a wrong key, as
        ``multiprocessing`` does.  ``"log"``: it only refuses them, as it does all others who fail.
    :param allow_md5: whether Python 3.11's ``multiprocessing`` may connect, which knows MD5 alone.
    :param ssl: a server's context: whoever connects must speak TLS, before he is asked for the key.
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
    _lobby: Lobby | None = None

    def __init__(
        self,
        address: Address | None = None,
        family: str | None = None,
        backlog: int = 1,
        authkey: bytes | str | None = None,
        *,
        authenticate: bool = False,
        handshake_timeout: float = 10.0,
        on_wrong_key: Literal["raise", "log"] = "raise",
        allow_md5: bool = False,
        ssl: SSLContext | None = None,
    ) -> None:
        if on_wrong_key not in ("raise", "log"):
            raise ValueError(f"on_wrong_key must be 'raise' or 'log', not {on_wrong_key!r}")
        self._authkey = chosen_key(authkey, authenticate)
        self._patience = _checked_patience(handshake_timeout)
        self._tells, self._allow_md5 = on_wrong_key == "raise", allow_md5
        self._last_accepted: Any = None
        self._ssl = None if ssl is None else _server_context(ssl)
        self._listen(address, family_of(address, family), backlog)

    @property
    def address(self) -> Any:
        """The address, as the system knows it: a path, or a tuple that begins with host and port.

        Of a listener that chose its file itself it is a path under ``/proc``, where the system has that.
        """
        return self._address

    @property
    def last_accepted(self) -> Any:
        """The address of the connection that was accepted last; ``None`` if there was none, or it has none."""
        return self._last_accepted or None

    def accept(self, timeout: float | None = None) -> Connection:
        """The next connection.

        Blocks until somebody has connected, and has shown that he knows the key.  Those who have only begun to wait for
        the next call.  Thread-safe; a signal handler that raises interrupts it.

        :param timeout: seconds; ``None`` waits for ever, 0 does what can be done at once.
        :raises AuthenticationError: if somebody answers with a wrong key; the listener goes on listening.
        :raises TimeoutError: if the time was up.
        :raises OSError: if the listener is closed, perhaps by another thread meanwhile; or if this process may open no
            more descriptors.
        :raises TypeError: if ``timeout`` is not a number.
        """
        limit = checked_timeout(timeout)
        guest = self._open_lobby().next(None if limit is None else time.monotonic() + limit)
        self._last_accepted = guest.address
        return guest.connection

    def fileno(self) -> int:
        """A descriptor that is readable when there is something to do for `accept`; for `wait` and selectors.

        That need not be a connection yet: with ``timeout=0``, `accept` does what can be done.

        :raises OSError: if the listener is closed.
        """
        return self._open_lobby().fileno()

    def close(self) -> None:
        """Stop listening, and remove the file.  Does not block; a second call does nothing.

        A thread that is in `accept` leaves it with an `OSError`.
        """
        listening, self._socket = self._socket, None
        lobby, self._lobby = self._lobby, None
        if lobby is not None:
            lobby.end()
        elif listening is not None:
            listening.close()
        bound, self._bound = self._bound, None
        if bound is not None:
            bound.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _listen(self, address: Address | None, family: str, backlog: int) -> None:
        from processing_queues._lobby import Lobby
        from processing_queues._opening import new_socket, opening

        opened = partial(opening, key=self._authkey, listens=True, md5=self._allow_md5, ssl=self._ssl)
        listening = self._socket = new_socket(family)
        try:
            bound = self._bound = bind(listening, address, family)
            listening.listen(backlog)
            self._lobby = Lobby(listening, bound.address, opened, self._patience, self._tells)
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                if error.errno is None:  # such as of a path that is too long
                    error.add_note(f"the address is {address!r}")
                elif error.filename is None:
                    error.filename = address
            raise
        self._address: Any = bound.address

    def _open_lobby(self) -> Lobby:
        if self._lobby is None:
            raise ClosedError("listener is closed")
        return self._lobby


def Client(
    address: Address,
    family: str | None = None,
    authkey: bytes | str | None = None,
    *,
    authenticate: bool = False,
    timeout: float | None = None,
    allow_md5: bool = False,
    ssl: SSLContext | None = None,
    server_hostname: str | None = None,
) -> Connection:
    """Connect to a `Listener`.

    Blocks until it has a place for us, and, where there is a key, until it has accepted; thread-safe; a signal handler
    that raises interrupts it.

    :param address: the listener's.
    :param family: ``AF_UNIX``, ``AF_INET`` or ``AF_INET6``; ``None`` for that of the address.
    :param authkey: the key that both sides must know; text is encoded in UTF-8.
    :param authenticate: without ``authkey``, use that of the current process.
    :param timeout: seconds for all of it; ``None`` waits for ever.
    :param allow_md5: whether the listener may be one of Python 3.11's ``multiprocessing``, which knows MD5 alone.
    :param ssl: a client's context: speak TLS, first of all.
    :param server_hostname: whom the listener's certificate must name; ``None`` for the host of the address.
    :raises AuthenticationError: if the listener does not know the key.
    :raises ssl.SSLError: if the listener is not who it should be, or does not take us for who we should be.
    :raises TimeoutError: if the time was up.
    :raises OSError: if nobody listens there, or the system refuses; ``filename`` is the address.
    :raises EOFError: if the listener goes away meanwhile.
    :raises TypeError: if the address is of no family, the key neither bytes nor text, the time no number, or ``ssl`` no
        context.
    :raises ValueError: if there is no such family, or ``ssl`` wants to know the host's name and there is none.
    """
    key = chosen_key(authkey, authenticate)
    family, limit = family_of(address, family), checked_timeout(timeout)
    from processing_queues._client import dial
    from processing_queues._opening import opening

    if ssl is not None and server_hostname is None and isinstance(address, tuple):
        server_hostname = address[0]
    opened = partial(
        opening, key=key, listens=False, md5=allow_md5, ssl=ssl and _context(ssl), hostname=server_hostname
    )
    return dial(address, family, opened, limit)


def _checked_patience(seconds: float) -> float:
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

    Tls(_context(ssl), listens=True)  # now, and not when somebody connects
    return ssl
