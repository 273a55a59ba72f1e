"""A connection that was made without a key; the other side may want one."""

from __future__ import annotations

import time
from contextlib import suppress

from processing_core import AuthenticationError
from processing_core.annotations import Any
from processing_core.lowlevel import Descriptor, readable
from processing_queues._authentication import LONGEST
from processing_queues._connection import Connection, arrived
from processing_queues._handshake import HELLO, NO_KEY
from processing_queues._platform import borrowed_stream, get_blocking, peeked, set_blocking

__all__ = ["KeylessConnection", "forget_listener"]

_SIZE = 4  # bytes, before each message
_MOMENT = 0.05  # seconds; a listener that is in `accept` has spoken within 1 ms, or 15 on a busy machine

_want_none: set[Any] = set()  # the addresses of listeners that have no key
_MOST = 1000  # of them are remembered


def forget_listener(address: Any) -> None:
    """Say that a new listener is at this address, which may want a key where an earlier one wanted none."""
    _want_none.discard(address)


class KeylessConnection(Connection):
    """A connection over a socket without authentication.

    A side that has a key begins with a hello. This side recognizes the hello when the connection is made, if it has
    arrived by then, or else in the first call: it is not taken for a message of the program. Then this side tells the
    other one that it has no key, and raises an error.
    """

    _knows = False  # whether a first message has shown that no key is wanted
    _listener: Any = None  # a client's listener's address

    def wait_for_hello(self, listener: Any, deadline: float | None) -> None:
        """On a client's side: give the listener a moment to say that it wants a key; blocks for at most 50 ms.

        A listener that was once found to want none is not waited for.

        :param listener: its address.
        :param deadline: monotonic seconds.
        :raises AuthenticationError: if it does.
        """
        if listener in _want_none:
            return
        self._listener = listener
        left = _MOMENT if deadline is None else min(_MOMENT, deadline - time.monotonic())
        if readable(self.fileno(), max(0.0, left)):
            self.check()

    def check(self) -> None:
        """Look whether a hello has come; does not block.

        :raises AuthenticationError: if one has.
        """
        if self._knows:
            return
        fd = self.fileno()
        blocks = get_blocking(fd)
        try:
            with borrowed_stream(fd) as stream:
                beginning = peeked(stream, _SIZE + len(HELLO))
                wanted = beginning[_SIZE:] == HELLO
                if wanted:  # read, for what is unread at the end would take the answer away with it
                    stream.setblocking(False)
                    stream.recv(_SIZE + LONGEST)
        except OSError:
            return  # nothing has come; or the call that follows meets the same
        finally:
            if get_blocking(fd) != blocks:
                set_blocking(fd, blocks)
        if wanted:
            self._refuse()

    def __reduce__(self) -> tuple[Any, ...]:
        self._own()
        return _arrived, (self._descriptor, self._readable, self._writable, self._knows)

    def _sending(self) -> int:
        fd = super()._sending()
        if not self._knows:
            self.check()
        return fd

    def _receive(self, fd: int, longest: int | None = None) -> bytes:
        if self._knows:
            return super()._receive(fd, longest)
        message = super()._receive(fd, None if longest is None else max(longest, LONGEST))
        if message.startswith(HELLO):
            self._refuse()
        self._note_no_key()
        if longest is not None and len(message) > longest:
            raise self._bad_length()
        return message

    def _note_no_key(self) -> None:
        self._knows = True
        if self._listener is not None:
            if len(_want_none) >= _MOST:
                _want_none.clear()
            _want_none.add(self._listener)

    def _refuse(self) -> None:
        with suppress(OSError):  # it may be gone, or not read
            set_blocking(self.fileno(), False)
            self._outbox.send(self.fileno(), memoryview(NO_KEY))
        self.close()
        raise AuthenticationError("the other side wants to authenticate: this one was given no authkey")


def _arrived(descriptor: Descriptor, readable: bool, writable: bool, knows: bool) -> KeylessConnection:
    made = KeylessConnection(arrived(descriptor), readable, writable)
    made._knows = knows
    return made


# To programs it is a `Connection`, as the ends of pipes are.
KeylessConnection.__name__ = KeylessConnection.__qualname__ = "Connection"
KeylessConnection.__module__ = "processing_queues"
