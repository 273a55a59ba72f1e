"""The referents of a server, and the clients that refer to them.

A *client* is a process with proxies.  It has references, each counted, and when it is gone they are dropped. A pickled
proxy has an *in-flight* reference: the process that pickles the proxy sends it, the process that unpickles the proxy
claims it, and in between the sender may drop its own.  An in-flight reference that no process claims ends after
`LONGEST_FLIGHT` seconds.  A claim may overtake the message that announces the reference, because the two come by
different connections; the server remembers it as an early claim for as long.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial

from processing_core import HandleError
from processing_core.annotations import Any
from processing_core.lowlevel import ScopeGuard
from processing_managers._server.session import Session

__all__ = ["LONGEST_FLIGHT", "Referent", "Table"]

LONGEST_FLIGHT = 60.0  # seconds

_InFlight = dict[tuple[str, bytes], float]


_FIXED = 1 << 8  # of a type's __flags__ (Py_TPFLAGS_IMMUTABLETYPE): its methods are always the same


class Referent:
    """An object of the server, and what its proxies may do."""

    __slots__ = ("count", "exposed", "fixed", "methods", "obj", "ready", "typeid")

    def __init__(self, typeid: str, obj: Any, exposed: tuple[str, ...], methods: Mapping[str, str]) -> None:
        self.typeid: str = typeid
        self.obj: Any = obj
        self.exposed: frozenset[str] = frozenset(exposed)
        self.methods: Mapping[str, str] = methods
        self.count: int = 0
        # Methods whose results are sent, of an object whose methods do not change: looking one up and testing whether
        # it is exposed takes as long as the call.
        self.ready: dict[str, Callable[..., Any]] = {}
        self.fixed: bool = bool(type(obj).__flags__ & _FIXED) and not hasattr(obj, "__dict__")


class Table:
    """The referents, and each session's references to them.

    Thread-safe; a dropped object is destroyed outside the lock.
    """

    def __init__(self) -> None:
        self.server_id: str = os.urandom(8).hex()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()  # guards all below but _dropped
        self._try_lock = partial(self._lock.acquire, False)
        self.referents: dict[str, Referent] = {}  # by name; to be read without the lock
        self._in_flight: _InFlight = {}  # by when they end: the oldest is the first
        self._early_claims: _InFlight = {}
        # References dropped by finalizers, which may run at any point, even in a thread that holds the lock.
        self._dropped: deque[tuple[Session, str]] = deque()

    def add(self, referent: Referent, session: Session) -> str:
        """Add a referent, to which the session gets a reference; return its name, which is unique among all servers."""
        ident = f"{self.server_id}:{next(self._numbers)}"
        with self._lock:
            self.referents[ident] = referent
            self._count(session, ident, referent)
        self._process_drops()
        return ident

    def find(self, ident: str) -> Referent:
        """The referent of that name.

        :raises HandleError: if it is gone.
        """
        try:
            return self.referents[ident]
        except KeyError:
            raise HandleError(f"the referent {ident} of this proxy is gone: nothing referred to it any more") from None

    def claim(self, session: Session, ident: str, flight: bytes | None) -> None:
        """Give the session a reference, instead of the in-flight one."""
        with self._lock:
            referent = self.find(ident)
            self._count(session, ident, referent)
            if flight is None:
                pass
            elif self._in_flight.pop((ident, flight), None) is not None:
                referent.count -= 1
            else:
                self._early_claims[ident, flight] = time.monotonic() + LONGEST_FLIGHT
        self._process_drops()

    def send_reference(self, ident: str, flight: bytes) -> None:
        """Keep a referent until the in-flight reference is claimed, or ends."""
        with self._lock:
            if self._early_claims.pop((ident, flight), None) is None and ident in self.referents:
                self.referents[ident].count += 1
                self._in_flight[ident, flight] = time.monotonic() + LONGEST_FLIGHT
        self._process_drops()

    def drop(self, session: Session, ident: str) -> None:
        """Take back one reference of the session; may be called by a finalizer."""
        self._dropped.append((session, ident))
        self._process_drops()

    def leave(self, session: Session) -> None:
        """Take back all references of the session."""
        with self._lock:
            idents = list(session.references.elements())
        self._dropped.extend((session, ident) for ident in idents)
        self._process_drops()

    def snapshot(self) -> list[tuple[str, Referent]]:
        """The referents by name."""
        self._process_drops(sweep=True)
        with self._lock:
            return list(self.referents.items())

    def _count(self, session: Session, ident: str, referent: Referent) -> None:
        referent.count += 1
        session.references[ident] += 1

    def _process_drops(self, sweep: bool = False) -> None:
        """Carry out the drops that are queued; if another thread holds the lock, that thread carries them out."""
        while self._dropped or self._in_flight or self._early_claims or sweep:
            dead: list[Referent] = []
            with ScopeGuard(self._try_lock, self._lock.release) as is_ours:
                if not is_ours:
                    return
                while self._dropped:
                    self._drop(*self._dropped.popleft(), dead)
                self._end_flights(dead)
            sweep = False
            if not dead and not self._dropped:
                return
            dead.clear()  # outside the lock, for it may run any code

    def _drop(self, session: Session, ident: str, dead: list[Referent]) -> None:
        session.references[ident] -= 1
        if session.references[ident] == 0:
            del session.references[ident]
        self._uncount(ident, dead)

    def _uncount(self, ident: str, dead: list[Referent]) -> None:
        referent = self.referents.get(ident)
        if referent is not None:
            referent.count -= 1
            if referent.count <= 0:
                dead.append(self.referents.pop(ident))

    def _end_flights(self, dead: list[Referent]) -> None:
        now = time.monotonic()
        for flights in (self._in_flight, self._early_claims):
            while flights and (oldest := next(iter(flights.items())))[1] <= now:
                del flights[oldest[0]]
                if flights is self._in_flight:
                    self._uncount(oldest[0][0], dead)
