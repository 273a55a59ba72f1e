"""Those who have connected to a `Listener` and have not yet shown that they know its key.

Whoever calls `Lobby.next` lets them in and speaks with all of them at once: nobody is waited for while another could
be answered, and there is no thread.  A stranger costs a descriptor, a few hundred bytes, and nothing else:

- `MOST` are in the lobby, the others wait in the system's backlog.  When it is full, whoever has been there longest
  goes as soon as he has been there for `GRACE` seconds.  So strangers who say nothing keep nobody out, and a burst of
  friends does not drive each other out.
- He is listened to for 256 bytes at a time, and for a bounded number of seconds in all.  Of a time when nobody calls
  `next`, no more than `GRACE` counts: a server that is busy elsewhere must not blame that on its guests.
"""

from __future__ import annotations

import os
import selectors
import socket
import struct
import threading
import time
from contextlib import suppress

from processing_core import AuthenticationError, ClosedError, StateError, TimeoutError
from processing_core.annotations import Any
from processing_core.lowlevel import keep_private, readable, sub_warning, without_forks
from processing_queues._connection import Connection
from processing_queues._opening import Handshake, Opening

__all__ = ["GRACE", "MOST", "Guest", "Lobby"]

MOST = 64
"""Guests in a lobby at once."""

GRACE = 1.0
"""Seconds that a guest has even in a full lobby."""

_LONGEST_SLEEP = 1e6  # seconds, which every system call takes


class Guest:
    """One who has connected.

    :param name: who it is, for messages.
    :param deadline: monotonic seconds.
    """

    def __init__(self, connection: Connection, address: Any, name: str, handshake: Handshake, deadline: float) -> None:
        self.connection, self.address, self.name = connection, address, name
        self.handshake, self.deadline = handshake, deadline
        self.fd: int = connection.fileno()
        self.events: int = 0  # those that he is watched for

    def advance(self) -> bool:
        """Whether the handshake is done; does not block.

        :raises AuthenticationError: if he has another key.
        :raises OSError: if he speaks something else.
        :raises EOFError: if he has gone.
        """
        try:
            self.handshake(self.connection)
        except BlockingIOError:
            return False
        os.set_blocking(self.fd, True)
        return True

    def wanted(self) -> int:
        """The events to watch him for."""
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self.connection._unsent() else 0)


class Lobby:
    """Where those stay who connected to a listening socket, until they are known.

    :param listening: the socket.
    :param place: the listener's address, for messages.
    :param opening: what becomes of a socket that was accepted.
    :param patience: seconds for each of them.
    :param tell: whether to raise for a wrong key.
    """

    def __init__(self, listening: socket.socket, place: Any, opening: Opening, patience: float, tell: bool) -> None:
        self._listening, self._place, self._opening = listening, place, opening
        self._patience, self._tell = patience, tell
        self._ended = False
        listening.setblocking(False)
        with without_forks():
            self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()  # held by the thread that speaks with the guests; guards all below
        self._driver = 0  # which that is
        self._guests: dict[int, Guest] = {}  # by descriptor; who came first stands first
        self._seen = time.monotonic()  # when somebody looked after them last
        self._pid = os.getpid()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ)
        keep_private(self)

    def fileno(self) -> int:
        """A descriptor that is readable when there is something to do for `next`."""
        return self._selector.fileno()

    def next(self, deadline: float | None) -> Guest:
        """The next guest whose handshake is done; blocks.

        :param deadline: monotonic seconds; ``None`` waits for ever.
        :raises TimeoutError: if the time was up.
        :raises ClosedError: if the lobby has ended, or ends meanwhile.
        :raises AuthenticationError: if a guest's key is wrong, and that is to be told.
        :raises StateError: if a signal handler calls this in the middle of a call.
        """
        if self._driver == threading.get_ident():
            raise StateError("accept was called by a signal handler in the middle of accept")
        patience = -1.0 if deadline is None else min(max(0.0, deadline - time.monotonic()), _LONGEST_SLEEP)
        held: list[bool] = []
        try:
            # Noted by the C function that calls it: a signal handler may raise as soon as it is held.
            any(map(held.append, map(self._lock.acquire, (True,), (patience,))))
            if held == [False]:
                raise self._late()
            self._driver = threading.get_ident()
            return self._drive(deadline)
        finally:
            if held == [True]:
                self._driver = 0
                self._lock.release()
                if self._ended:
                    self.end()

    def end(self) -> None:
        """Turn everybody out, and close the listening socket.

        Does not block.  A thread that is in `next` leaves it with `ClosedError`.
        """
        self._ended = True
        if self._pid != os.getpid():
            self._close_all()  # a thread of the parent may have held the lock, in a fork of which Python was not told
            return
        held: list[bool] = []
        try:
            any(map(held.append, map(self._lock.acquire, (False,))))
            if held == [True]:
                self._close_all()
            else:
                # Wakes whoever holds it, who then comes here: his descriptor must not become another's meanwhile.
                with suppress(OSError):
                    self._listening.shutdown(socket.SHUT_RDWR)
        finally:
            if held == [True]:
                self._lock.release()

    def close(self) -> None:
        """In a forked child: begin with no guests, for those were the parent's."""
        if not self._ended:
            self._turn_out()
            self._begin()

    def _turn_out(self) -> None:
        for guest in self._guests.values():
            guest.connection.close()
        self._guests.clear()
        self._selector.close()

    def _close_all(self) -> None:
        self._turn_out()
        self._listening.close()

    # -- waiting

    def _drive(self, deadline: float | None) -> Guest:
        try:
            while True:
                ready = self._select(deadline)
                if self._ended:
                    raise ClosedError("listener is closed")
                for fd in ready:
                    guest = self._let_in() if fd == self._listening.fileno() else self._guests.get(fd)
                    if guest is not None and self._known(guest):
                        return guest
                self._expire()
                if not ready and deadline is not None and time.monotonic() >= deadline:
                    raise self._late()
        finally:
            if not self._ended:
                self._watch_the_door(True)  # for those who select on `fileno`

    def _select(self, deadline: float | None) -> list[int]:
        """The descriptors at which something happens, before something else is to be done."""
        if self._ended:
            raise ClosedError("listener is closed")
        self._count_the_time()
        full = len(self._guests) >= MOST
        self._watch_the_door(not full)
        times = [] if deadline is None else [deadline]
        if self._guests:
            times.append(self._leaves(next(iter(self._guests.values())), full))
        timeout = min(max(0.0, min(times) - self._seen), _LONGEST_SLEEP) if times else None
        try:
            # Not by `select`, which takes an `InterruptedError` of a signal handler for its own.
            readable(self._selector.fileno(), timeout)
        finally:
            self._seen = time.monotonic()
        return [key.fd for key, _ in self._selector.select(0)]

    def _count_the_time(self) -> None:
        now = time.monotonic()
        away = now - self._seen
        self._seen = now
        if away > GRACE:
            for guest in self._guests.values():
                guest.deadline += away - GRACE

    def _watch_the_door(self, yes: bool) -> None:
        watched = self._listening in self._selector.get_map()
        if yes and not watched:
            self._selector.register(self._listening, selectors.EVENT_READ)
        elif watched and not yes:
            self._selector.unregister(self._listening)

    def _leaves(self, guest: Guest, full: bool) -> float:
        """When he must go, in monotonic seconds."""
        return guest.deadline - max(0.0, self._patience - GRACE) if full else guest.deadline

    def _expire(self) -> None:
        """Turn out those who have been here for too long."""
        while self._guests:
            guest, full = next(iter(self._guests.values())), len(self._guests) >= MOST
            if self._leaves(guest, full) > self._seen:
                return
            crowd = f", with {MOST} others waiting" if guest.deadline > self._seen else ""
            self._refuse(guest, f"it has not shown in time that it knows the key{crowd}")

    def _late(self) -> TimeoutError:
        return TimeoutError(f"nobody was accepted at {self._place!r} in the time given")

    # -- guests

    def _let_in(self) -> Guest | None:
        with without_forks():  # no child shall have a copy of a stranger
            try:
                accepted, address = self._listening.accept()
            except (BlockingIOError, ConnectionError):
                return None  # he left meanwhile, or another process let him in
            name = _name_of(accepted, address)
            connection, handshake = self._opening(accepted)
            guest = Guest(connection, address, name, handshake, time.monotonic() + self._patience)
            self._guests[guest.fd] = guest
        return guest

    def _known(self, guest: Guest) -> bool:
        """Go on with a guest; whether the handshake is done, and he is none any more."""
        try:
            if guest.advance():
                self._forget(guest)
                return True
            self._watch(guest)
        except AuthenticationError as error:
            self._refuse(guest, str(error))
            if self._tell:
                raise AuthenticationError(f"{error}: {guest.name}, at {self._place!r}") from None
        except EOFError:
            self._refuse(guest, "it went before it had shown that it knows the key")
        except OSError as error:
            self._refuse(guest, f"the handshake failed: {error}")
        except BaseException:  # of a signal handler: what it interrupted cannot go on
            self._refuse(guest, "interrupted")
            raise
        return False

    def _watch(self, guest: Guest) -> None:
        wanted = guest.wanted()
        if guest.events != wanted:
            (self._selector.modify if guest.events else self._selector.register)(guest.fd, wanted)
            guest.events = wanted

    def _forget(self, guest: Guest) -> None:
        with suppress(KeyError):
            self._selector.unregister(guest.fd)
        self._guests.pop(guest.fd, None)

    def _refuse(self, guest: Guest, why: str) -> None:
        self._forget(guest)
        guest.connection.close()
        sub_warning("listener at %r refused %s: %s", self._place, guest.name, why)


def _name_of(accepted: socket.socket, address: Any) -> str:
    if address or not hasattr(socket, "SO_PEERCRED"):
        return repr(address)
    pid, uid, _ = struct.unpack("3i", accepted.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return f"process {pid} of user {uid}"
