"""Clients: the processes that have proxies; and for whom a thread of the server acts.

What a client holds is given back when it leaves, however it ended: its references (`Table.leave`), the managed locks
that it holds, and the threads of the server that wait for something in its name.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from processing_core.annotations import Any, NamedTuple, Protocol
from processing_core.lowlevel import Queue as Ring

__all__ = ["Client", "ClientGone", "Identity", "acting_as", "actor"]


class ClientGone(Exception):
    """Ends a wait in the name of a client that is gone; nobody hears of it."""


class Held(Protocol):
    """What a client may hold."""

    def forsake(self, client: Client) -> None:
        """Give back what the client holds of it."""


class Client:
    """A process with proxies, or the server's own process."""

    def __init__(self) -> None:
        self.references: Counter[str] = Counter()
        self.gone: bool = False
        self._posts = 0
        self._taken = threading.Condition()  # guards _posts
        self._lock = threading.Lock()  # guards gone, and the three below
        self._held: Counter[Held] = Counter()
        self._waiters: set[Any] = set()
        self._rings: list[Ring[Any]] = []

    # -- posts

    def took_posts(self) -> None:
        """What one of its posts said is done."""
        with self._taken:
            self._posts += 1
            self._taken.notify_all()

    def await_posts(self, count: int) -> None:
        """Wait until so many are; blocks, for a second at most, lest a client that is leaving be waited for."""
        with self._taken:
            self._taken.wait_for(lambda: self._posts >= count, timeout=1.0)

    # -- what it holds

    def hold(self, held: Held) -> None:
        """It holds this, once more.

        :raises ClientGone: if it is gone.
        """
        with self._lock:
            if self.gone:
                raise ClientGone
            self._held[held] += 1

    def let_go(self, held: Held) -> None:
        """It holds this once less."""
        with self._lock:
            self._held[held] -= 1
            if self._held[held] <= 0:
                del self._held[held]

    # -- what waits in its name

    def await_lock(self, waiter: Any, timeout: float) -> bool:
        """Acquire a lock that somebody releases to wake this thread; blocks.

        :raises ClientGone: if the client is gone, or goes meanwhile.
        """
        with self._lock:
            if self.gone:
                raise ClientGone
            self._waiters.add(waiter)
        try:
            woken: bool = waiter.acquire(True, timeout)
        finally:
            with self._lock:
                self._waiters.discard(waiter)
        if self.gone:
            raise ClientGone
        return woken

    def receive_by(self, requests: Ring[Any]) -> None:
        """Its requests come by this ring, too."""
        with self._lock:
            self._rings = [ring for ring in self._rings if not ring.is_shutdown]
            self._rings.append(requests)

    def leave(self) -> None:
        """Give everything back but references, and end what waits."""
        with self._lock:
            self.gone = True
            held, waiters, rings = list(self._held), list(self._waiters), self._rings
        for ring in rings:
            ring._shut()
        for waiter in waiters:
            wake(waiter)
        for thing in held:
            thing.forsake(self)


def wake(waiter: Any) -> None:
    """Let whoever waits for this lock go on; a second time does nothing."""
    try:
        waiter.release()
    except RuntimeError:
        pass  # somebody else has just woken it


# -- for whom a thread acts ------------------------------------------------------------------------


class Identity(NamedTuple):
    """A thread of a client."""

    client: Client
    thread: int


class _Acting(threading.local):
    identity: Identity | None = None


_acting = _Acting()
_residents = Client()  # whoever acts in the server's process by himself


def actor() -> Identity:
    """For whom this thread acts."""
    return _acting.identity or Identity(_residents, threading.get_ident())


@contextmanager
def acting_as(identity: Identity) -> Iterator[None]:
    """Let this thread act for a thread of a client."""
    _acting.identity = identity
    try:
        yield
    finally:
        _acting.identity = None
