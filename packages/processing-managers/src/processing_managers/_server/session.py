"""Sessions: the server's state for each client, that is, for each process that has proxies.

When a client is gone, however it ended, the server gives back what the client held: its references (`Table.leave`), its
managed locks, and the threads of the server that wait for something on its behalf.  When a call is withdrawn, the
server gives back what the call took (:mod:`processing_managers._client.waiting_calls`).
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from processing_core.annotations import Any, NamedTuple, Protocol
from processing_core.lowlevel import Channel as Ring

__all__ = ["ClientGone", "Identity", "Session", "Withdrawn", "acting_as", "current_identity", "uninterrupted"]

_WITHDRAWN = 256
"""How many tickets of calls that have not come are remembered; such a call was never sent, or comes soon."""


class ClientGone(Exception):
    """Ends a wait on behalf of a client that is gone; the server drops it."""


class Withdrawn(Exception):
    """Ends a call that was withdrawn; the server drops it."""


class _WaitingCall:
    """A call with a ticket that is being carried out."""

    def __init__(self) -> None:
        self.withdrawn = False
        self.waiter: Any = None  # a lock whose release wakes the thread


class Held(Protocol):
    """An object that a client may hold."""

    def on_disconnect(self, session: Session) -> None:
        """Free what the client holds of it."""


class Session:
    """The server's state for a client, or for its own process, which has proxies, too."""

    def __init__(self) -> None:
        self.references: Counter[str] = Counter()
        self.gone: bool = False
        self.last_control_number = 0  # its number
        self._control_messages = 0
        self._taken = threading.Condition()  # guards _control_messages
        self._tickets = threading.Condition()  # reentrant; guards the three below
        self._calls: dict[int, _WaitingCall] = {}  # under way, by ticket
        self.done: dict[int, tuple[int, Callable[[], object]]] = {}  # by thread: its last ticket, and what undoes that
        self._withdrawn: deque[int] = deque(maxlen=_WITHDRAWN)  # tickets that have not come
        self._lock = threading.Lock()  # guards gone, and the three below
        self._held: Counter[Held] = Counter()
        self._waiters: set[Any] = set()
        self._rings: list[Ring[Any]] = []

    # -- control messages

    def count_control_messages(self) -> None:
        """Count a control message that was carried out."""
        with self._taken:
            self._control_messages += 1
            self._taken.notify_all()

    def await_control_messages(self, count: int) -> None:
        """Wait until ``count`` of them were, or none was for a second, because the client may be ending."""
        with self._taken:
            while self._control_messages < count and self._taken.wait(1.0):
                pass

    # -- what it holds

    def hold(self, held: Held) -> None:
        """Note that the client holds this, once more.

        :raises ClientGone: if it is gone.
        """
        with self._lock:
            if self.gone:
                raise ClientGone
            self._held[held] += 1

    def remove_held(self, held: Held) -> None:
        """Note that the client holds this once less."""
        with self._lock:
            self._held[held] -= 1
            if self._held[held] <= 0:
                del self._held[held]

    # -- calls that may be withdrawn

    def begin(self, ticket: int) -> None:
        """Note that this thread carries out the call with that ticket.

        :raises Withdrawn: if it was withdrawn before it arrived.
        """
        call = _WaitingCall()
        with self._tickets:
            if ticket in self._withdrawn:
                raise Withdrawn
            self._calls[ticket] = call
        _acting.call = call

    def finish(self, ticket: int, undo: Callable[[], object] | None) -> None:
        """Note that the call is over; it can be undone until its thread calls again.

        :param undo: gives back what the call took; ``None`` if the call raised.
        """
        _acting.call = None
        with self._tickets:
            withdrawn = self._calls[ticket].withdrawn
            if undo is not None and not withdrawn:
                self.done[current_identity().thread] = ticket, undo
        try:
            if withdrawn and undo is not None:
                undo()
        finally:
            with self._tickets:
                del self._calls[ticket]
                self._tickets.notify_all()

    def acknowledge(self, thread: int) -> None:
        """Note that a thread calls again, so that it has received what its last call took."""
        self.done.pop(thread, None)

    def undo(self, ticket: int) -> bool:
        """Undo the call with that ticket; return whether it is under way, and will end soon. Does not block."""
        with self._tickets:
            call, undo = self._calls.get(ticket), self._pop_done(ticket)
            if call is not None:
                call.withdrawn = True
            elif undo is None:
                self._withdrawn.append(ticket)
        if call is not None and call.waiter is not None:
            wake(call.waiter)
        if undo is not None:
            undo()
        return call is not None

    def is_to_do(self, ticket: int) -> bool:
        """Whether the call with that ticket was never begun; then the caller must carry it out.

        Does not block, unless it is under way.
        """
        with self._tickets:
            if ticket in self._calls:
                self.await_end(ticket)
            if self._pop_done(ticket) is not None:
                return False
            self._withdrawn.append(ticket)
        return True

    def calls_under_way(self) -> int:
        """How many of its calls with a ticket are being carried out."""
        return len(self._calls)

    def await_end(self, ticket: int) -> None:
        """Wait until the call with that ticket is over; blocks."""
        with self._tickets:
            self._tickets.wait_for(lambda: ticket not in self._calls or self.gone)

    def _pop_done(self, ticket: int) -> Callable[[], object] | None:
        for thread, (number, undo) in list(self.done.items()):
            if number == ticket:
                self.done.pop(thread, None)
                return undo
        return None

    # -- threads that wait on its behalf

    def await_lock(self, waiter: Any, timeout: float) -> bool:
        """Acquire a lock that another thread releases to wake this one; blocks.

        :raises ClientGone: if the client is gone, or goes meanwhile.
        :raises Withdrawn: if the call was withdrawn.
        """
        call = _acting.call
        with self._lock:
            if self.gone:
                raise ClientGone
            self._waiters.add(waiter)
        try:
            if call is not None:
                call.waiter = (
                    waiter  # set before the check: the thread that withdraws the call does it in the opposite order
                )
                if call.withdrawn:
                    raise Withdrawn
            woken: bool = waiter.acquire(True, timeout)
        finally:
            if call is not None:
                call.waiter = None
            with self._lock:
                self._waiters.discard(waiter)
        if self.gone:
            raise ClientGone
        if call is not None and call.withdrawn:
            raise Withdrawn
        return woken

    def receive_by(self, requests: Ring[Any]) -> None:
        """Note that its requests also arrive by this ring."""
        with self._lock:
            self._rings = [ring for ring in self._rings if not ring.is_shutdown]
            self._rings.append(requests)

    def leave(self) -> None:
        """Free everything that the client holds, except references, and end its waiting calls."""
        with self._lock:
            self.gone = True
            held, waiters, rings = list(self._held), list(self._waiters), self._rings
        with self._tickets:
            self.done.clear()
            self._tickets.notify_all()
        for ring in rings:
            ring._shut()
        for waiter in waiters:
            wake(waiter)
        for thing in held:
            thing.on_disconnect(self)


def wake(waiter: Any) -> None:
    """Wake the thread that waits for this lock; a second call does nothing."""
    try:
        waiter.release()
    except RuntimeError:
        pass  # another thread has just woken it


# -- the client that a thread acts for --------------------------------------------------------------


class Identity(NamedTuple):
    """A thread of a client."""

    session: Session
    thread: int


class _Acting(threading.local):
    identity: Identity | None = None
    call: _WaitingCall | None = None


_acting = _Acting()
_residents = Session()  # for threads of the server's process that act for no client


def current_identity() -> Identity:
    """The thread of a client for which this thread acts."""
    return _acting.identity or Identity(_residents, threading.get_ident())


@contextmanager
def acting_as(identity: Identity) -> Iterator[None]:
    """Have this thread act for a thread of a client."""
    before, _acting.identity = _acting.identity, identity
    try:
        yield
    finally:
        _acting.identity = before


@contextmanager
def uninterrupted() -> Iterator[None]:
    """In this block the thread goes on waiting even if its call is withdrawn."""
    call, _acting.call = _acting.call, None
    try:
        yield
    finally:
        _acting.call = call
