"""Pending connections: those to a `Listener` whose other side has not yet proved that it knows the key.

The thread that calls `PendingConnections.next` accepts them and runs all handshakes at once: none waits while another
could continue, and there is no further thread. A peer without the key costs a descriptor, a few hundred bytes, and
nothing else:

- At most `MOST` are pending; the others wait in the system's backlog.  When that many are pending, the oldest is closed
  as soon as it has been pending for `GRACE` seconds.  So silent strangers keep no client out, and clients that connect
  in a burst do not displace each other.
- The listener reads at most 256 bytes at a time from each, and for a bounded number of seconds in all.  Of a time in
  which no thread calls `next`, at most `GRACE` counts, because a server that is busy elsewhere must not close
  connections for that.
"""

from __future__ import annotations

import builtins
import errno
import os
import selectors
import socket
import threading
import time
from contextlib import suppress

from processing_core import AuthenticationError, ClosedError, StateError, TimeoutError
from processing_core.annotations import Any
from processing_core.lowlevel import file_identity, keep_private, limit_named, sub_warning, without_forks
from processing_queues._connection import Connection
from processing_queues._handshake_start import Handshake, HandshakeStart, moved
from processing_queues._platform import peer, selector, set_blocking

__all__ = ["GRACE", "MOST", "Pending", "PendingConnections"]

MOST = 64
"""Connections that are pending at once."""

GRACE = 1.0
"""Seconds that a connection may be pending even if there are `MOST`."""

_LONGEST_SLEEP = 1e6  # seconds, which every system call takes


class Pending:
    """A connection whose handshake is not done.

    :param name: the other side, for messages.
    :param deadline: monotonic seconds.
    """

    def __init__(self, connection: Connection, address: Any, name: str, handshake: Handshake, deadline: float) -> None:
        self.connection, self.address, self.name = connection, address, name
        self.handshake, self.deadline = handshake, deadline
        self.fd: int = connection.fileno()
        self.events: int = 0  # those that it is watched for

    def advance(self) -> bool:
        """Whether the handshake is done; does not block.

        :raises AuthenticationError: if the other side has another key.
        :raises OSError: if the other side speaks another protocol.
        :raises EOFError: if the other side has gone.
        """
        try:
            self.handshake(self.connection)
        except BlockingIOError:
            return False
        set_blocking(self.fd, True)
        return True

    def wanted(self) -> int:
        """The events to watch it for."""
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self.connection._unsent() else 0)


_lost: list[object] = []
"""Selectors whose descriptors the program has closed: their end would close what it has opened there since."""


class PendingConnections:
    """The pending connections of a listening socket.

    :param listening: the socket.
    :param address: the listener's address, for messages.
    :param begin_handshake: makes the connection of a socket that was accepted.
    :param timeout: seconds for each handshake.
    :param tell: whether to raise an error for a wrong key.
    """

    def __init__(
        self, listening: socket.socket, address: Any, begin_handshake: HandshakeStart, timeout: float, tell: bool
    ) -> None:
        self._listening, self._address, self._begin_handshake = listening, address, begin_handshake
        self._timeout, self._tell = timeout, tell
        self._ended = False
        self._identity = file_identity(listening.fileno())
        listening.setblocking(False)
        with without_forks():
            self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()  # held by the thread in `next`; guards all below
        self._owner = 0  # which that is
        self._pending: dict[int, Pending] = {}  # by descriptor; the oldest is the first
        self._seen = time.monotonic()  # when a thread looked after them last
        self._pid = os.getpid()
        self._selector = selector()
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._selector_identity = self._selector.identity()
        keep_private(self)

    def fileno(self) -> int:
        """A descriptor that is readable when there is something to do for `next`.

        :raises ClosedError: if the listener was closed.
        """
        with suppress(ValueError):  # another thread has closed it meanwhile
            if not self._ended:
                return self._selector.fileno()
        raise ClosedError("listener is closed")

    def next(self, deadline: float | None) -> Pending:
        """The next connection whose handshake is done; blocks.

        :param deadline: monotonic seconds; ``None`` waits for ever.
        :raises TimeoutError: if the time was up.
        :raises ClosedError: if the listener was closed, or is meanwhile.
        :raises AuthenticationError: if the other side's key is wrong, and ``tell`` is set.
        :raises StateError: if a signal handler calls this in the middle of a call.
        """
        if self._owner == threading.get_ident():
            raise StateError("accept was called by a signal handler in the middle of accept")
        timeout = -1.0 if deadline is None else min(max(0.0, deadline - time.monotonic()), _LONGEST_SLEEP)
        held: list[bool] = []
        try:
            # Noted by the C function that acquires the lock: a signal handler may raise as soon as it is held.
            any(map(held.append, map(self._lock.acquire, (True,), (timeout,))))
            if held == [False]:
                raise self._late()
            self._owner = threading.get_ident()
            return self._drive(deadline)
        finally:
            if held == [True]:
                self._owner = 0
                self._lock.release()
                if self._ended:
                    self.end()

    def end(self) -> None:
        """Close all, and the listening socket.

        Does not block.  A thread that is in `next` leaves it with `ClosedError`.
        """
        self._ended = True
        if self._pid != os.getpid():
            self._close_all()  # a thread of the parent may have held the lock at a fork that did not go through Python
            return
        held: list[bool] = []
        try:
            any(map(held.append, map(self._lock.acquire, (False,))))
            if held == [True]:
                self._close_all()
            else:
                # Wakes the thread that holds it, which then ends this: its descriptor must not be reused meanwhile.
                with suppress(OSError):
                    self._verify()
                    self._listening.shutdown(socket.SHUT_RDWR)
        finally:
            if held == [True]:
                self._lock.release()

    def close(self) -> None:
        """In a forked child: drop all, because they belong to the parent."""
        if not self._ended:
            self._close_pending()
            if self._is_open():
                self._begin()

    def _close_pending(self) -> None:
        if self._selector.get_map() is None:
            return  # it was closed: a thread that leaves `next` may end this, and one that closes the listener, too
        for pending in self._pending.values():
            pending.connection.close()
        self._pending.clear()
        if self._selector.identity() == self._selector_identity:
            self._selector.close()
        else:
            _lost.append(self._selector)

    def _close_all(self) -> None:
        self._close_pending()
        if self._is_open():
            self._listening.close()
        else:
            self._listening.detach()

    def _is_open(self) -> bool:
        """Whether the socket's number is its own: the program may have closed it, and opened a file there."""
        return file_identity(self._listening.fileno()) == self._identity

    def _verify(self) -> None:
        if not self._is_open():
            raise OSError(errno.EBADF, "the program has closed the descriptor of this listener by its number")

    # -- waiting

    def _drive(self, deadline: float | None) -> Pending:
        try:
            while True:
                ready = self._select(deadline)
                if self._ended:
                    raise ClosedError("listener is closed")
                for fd in ready:
                    pending = self._accept() if fd == self._listening.fileno() else self._pending.get(fd)
                    if pending is not None and self._advance(pending):
                        return pending
                self._expire()
                if not ready and deadline is not None and time.monotonic() >= deadline:
                    raise self._late()
        finally:
            if not self._ended:
                self._watch_listening(True)  # for programs that select on `fileno`
                self._selector.tell()

    def _select(self, deadline: float | None) -> list[int]:
        """The descriptors with an event; it returns without any when a pending connection expires."""
        if self._ended:
            raise ClosedError("listener is closed")
        self._verify()
        self._count_the_time()
        full = len(self._pending) >= MOST
        self._watch_listening(not full)
        times = [] if deadline is None else [deadline]
        if self._pending:
            times.append(self._expires(next(iter(self._pending.values())), full))
        timeout = min(max(0.0, min(times) - self._seen), _LONGEST_SLEEP) if times else None
        try:
            self._selector.wait(timeout)
        finally:
            self._seen = time.monotonic()
        return [key.fd for key, _ in self._selector.select(0)]

    def _count_the_time(self) -> None:
        now = time.monotonic()
        away = now - self._seen
        self._seen = now
        if away > GRACE:
            for pending in self._pending.values():
                pending.deadline += away - GRACE

    def _watch_listening(self, yes: bool) -> None:
        watched = self._listening in self._selector.get_map()
        if yes and not watched:
            self._selector.register(self._listening, selectors.EVENT_READ)
        elif watched and not yes:
            self._selector.unregister(self._listening)

    def _expires(self, pending: Pending, full: bool) -> float:
        """When it must be closed, in monotonic seconds."""
        return pending.deadline - max(0.0, self._timeout - GRACE) if full else pending.deadline

    def _expire(self) -> None:
        """Close those that have been pending for too long."""
        while self._pending:
            pending, full = next(iter(self._pending.values())), len(self._pending) >= MOST
            if self._expires(pending, full) > self._seen:
                return
            crowd = f", with {MOST} others waiting" if pending.deadline > self._seen else ""
            self._refuse(pending, f"it has not shown in time that it knows the key{crowd}")

    def _late(self) -> TimeoutError:
        return TimeoutError(f"no connection was accepted at {self._address!r} within the timeout")

    # -- connections

    def _accept(self) -> Pending | None:
        with without_forks():  # no child may have a copy of a pending connection
            taken: list[tuple[socket.socket, Any]] = []
            try:
                with limit_named():
                    # Noted by a C function: a signal handler that raises behind the call must not have it dropped.
                    any(map(taken.append, map(type(self._listening).accept, (self._listening,))))
                    accepted, address = moved(taken[0][0]), taken[0][1]
                name = _name_of(accepted, address)
                connection, handshake = self._begin_handshake(accepted)
            except (BlockingIOError, ConnectionError, builtins.TimeoutError):
                return None  # it was closed meanwhile, or another process accepted it
            finally:
                for one, _ in taken:
                    one.close()  # nothing is left in it if the connection has taken it over
            pending = Pending(connection, address, name, handshake, time.monotonic() + self._timeout)
            self._pending[pending.fd] = pending
        return pending

    def _advance(self, pending: Pending) -> bool:
        """Continue a handshake; return whether it is done."""
        try:
            if pending.advance():
                self._forget(pending)
                return True
            self._watch(pending)
        except AuthenticationError as error:
            self._refuse(pending, str(error))
            if self._tell:
                raise AuthenticationError(f"{error}: {pending.name}, at {self._address!r}") from None
        except EOFError:
            self._refuse(pending, "it went before it had shown that it knows the key")
        except OSError as error:
            self._refuse(pending, f"the handshake failed: {error}")
        except BaseException:  # in a signal handler: the call that it interrupted cannot continue
            self._refuse(pending, "interrupted")
            raise
        return False

    def _watch(self, pending: Pending) -> None:
        wanted = pending.wanted()
        if pending.events != wanted:
            (self._selector.modify if pending.events else self._selector.register)(pending.fd, wanted)
            pending.events = wanted

    def _forget(self, pending: Pending) -> None:
        with suppress(KeyError):
            self._selector.unregister(pending.fd)
        self._pending.pop(pending.fd, None)

    def _refuse(self, pending: Pending, why: str) -> None:
        self._forget(pending)
        pending.connection.close()
        sub_warning("listener at %r refused %s: %s", self._address, pending.name, why)


def _name_of(accepted: socket.socket, address: Any) -> str:
    if address:
        return repr(address)
    pid, uid = peer(accepted)
    return f"process {pid} of user {uid}"
