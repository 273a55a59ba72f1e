"""The referents of a server, and who refers to them.

A *client* is a process with proxies; it has references, each counted, and when it is gone they are dropped.  A *loan*
is the reference that a proxy carries while it travels: whoever pickles a proxy lends, whoever unpickles it claims, and
in between the sender may drop its own.  A loan that nobody claims ends after `LOAN` seconds.  A claim may overtake its
loan, for the two come by different connections; it is remembered as *early* for as long.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from processing_core import HandleError
from processing_core.annotations import Any
from processing_managers._clients import Client

__all__ = ["LOAN", "Referent", "Table"]

LOAN = 60.0  # seconds

_Loans = dict[tuple[str, bytes], float]


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
        # Methods whose results are sent, of an object that will have no others: to look one up, and whether it is
        # exposed, takes as long as to call it.
        self.ready: dict[str, Callable[..., Any]] = {}
        self.fixed: bool = bool(type(obj).__flags__ & _FIXED) and not hasattr(obj, "__dict__")


class Table:
    """Who refers to what.  Thread-safe; a dropped object is destroyed outside the lock."""

    def __init__(self) -> None:
        self.server_id: str = os.urandom(8).hex()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()  # guards all below but _dropped
        self.referents: dict[str, Referent] = {}  # by name; to be read without the lock
        self._loans: _Loans = {}  # by when they end: the oldest is the first
        self._early: _Loans = {}
        # What finalizers drop: they may run anywhere, even in a thread that holds the lock.
        self._dropped: deque[tuple[Client, str]] = deque()

    def add(self, referent: Referent, client: Client) -> str:
        """Take in a referent, to which ``client`` has a reference; its name, unique among all servers."""
        ident = f"{self.server_id}:{next(self._numbers)}"
        with self._lock:
            self.referents[ident] = referent
            self._count(client, ident, referent)
        self._settle()
        return ident

    def find(self, ident: str) -> Referent:
        """The referent of that name.

        :raises HandleError: if it is gone.
        """
        try:
            return self.referents[ident]
        except KeyError:
            raise HandleError(f"the referent {ident} of this proxy is gone: nothing referred to it any more") from None

    def claim(self, client: Client, ident: str, loan: bytes | None) -> None:
        """Give ``client`` a reference, in place of the loan with which it came."""
        with self._lock:
            referent = self.find(ident)
            self._count(client, ident, referent)
            if loan is None:
                pass
            elif self._loans.pop((ident, loan), None) is not None:
                referent.count -= 1
            else:
                self._early[ident, loan] = time.monotonic() + LOAN
        self._settle()

    def lend(self, ident: str, loan: bytes) -> None:
        """Keep a referent until the loan is claimed, or ends."""
        with self._lock:
            if self._early.pop((ident, loan), None) is None and ident in self.referents:
                self.referents[ident].count += 1
                self._loans[ident, loan] = time.monotonic() + LOAN
        self._settle()

    def drop(self, client: Client, ident: str) -> None:
        """Take back one reference of ``client``; may be called by a finalizer."""
        self._dropped.append((client, ident))
        self._settle()

    def leave(self, client: Client) -> None:
        """Take back all references of ``client``."""
        for ident in list(client.references.elements()):
            self._dropped.append((client, ident))
        self._settle()

    def snapshot(self) -> list[tuple[str, Referent]]:
        """The referents by name."""
        self._settle(sweep=True)
        with self._lock:
            return list(self.referents.items())

    def _count(self, client: Client, ident: str, referent: Referent) -> None:
        referent.count += 1
        client.references[ident] += 1

    def _settle(self, sweep: bool = False) -> None:
        """Carry out what was dropped; whoever holds the lock meanwhile does it for us after."""
        while (self._dropped or self._loans or self._early or sweep) and self._lock.acquire(blocking=False):
            dead: list[Referent] = []
            try:
                while self._dropped:
                    self._drop(*self._dropped.popleft(), dead)
                self._end_loans(dead)
            finally:
                self._lock.release()
            sweep = False
            if not dead and not self._dropped:
                return
            dead.clear()  # outside the lock, for it may run any code

    def _drop(self, client: Client, ident: str, dead: list[Referent]) -> None:
        client.references[ident] -= 1
        if client.references[ident] == 0:
            del client.references[ident]
        self._uncount(ident, dead)

    def _uncount(self, ident: str, dead: list[Referent]) -> None:
        referent = self.referents.get(ident)
        if referent is not None:
            referent.count -= 1
            if referent.count <= 0:
                dead.append(self.referents.pop(ident))

    def _end_loans(self, dead: list[Referent]) -> None:
        now = time.monotonic()
        for loans in (self._loans, self._early):
            while loans and (oldest := next(iter(loans.items())))[1] <= now:
                del loans[oldest[0]]
                if loans is self._loans:
                    self._uncount(oldest[0][0], dead)
