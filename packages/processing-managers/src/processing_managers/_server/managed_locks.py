"""What a manager makes of ``threading``'s locks: they know which client holds them.

When a client is gone that holds a lock or permits of a bounded semaphore, the server frees them; the guarded state may
be half changed then. (`processing.Lock` reports that by `OwnerDied`.) If another client releases the lock on behalf of
the dead one, that has no effect until the lock is taken again. An `RLock` belongs to a thread of a client. The permits
of a plain semaphore may be signals, and stay taken.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType

from processing_core.annotations import Any, Protocol, TypeVar
from processing_managers._server.monitor import Monitor, Waiters
from processing_managers._server.session import ClientGone, Identity, Session, current_identity, uninterrupted

__all__ = ["BoundedSemaphore", "Condition", "Lock", "RLock", "Semaphore"]

T = TypeVar("T")


class Lock:
    """As `threading.Lock`."""

    def __init__(self) -> None:
        self._monitor = Monitor()  # guards the two below
        self._owner: Identity | None = None
        self._depth = 0
        self._freed = False  # because its holder is gone; it was not taken since

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it; whether that was done.  Blocks."""
        wait = _seconds(blocking, timeout)
        me = current_identity()
        with self._monitor:
            if not self._monitor.wait_for(lambda: self._owner is None, wait):
                return False
            self._take(me, 1)
        return True

    def release(self) -> None:
        """Release it; any client may.

        :raises RuntimeError: if it is free.
        """
        with self._monitor:
            if self._owner is not None:
                self._free(self._owner)
            elif self._freed:
                self._freed = False
            else:
                raise RuntimeError("release unlocked lock")

    def locked(self) -> bool:
        """Whether it is held."""
        return self._owner is not None

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        state = "locked" if self.locked() else "unlocked"
        return f"<{state} {type(self).__module__}.{type(self).__qualname__} object at {id(self):#x}>"

    def on_disconnect(self, session: Session) -> None:
        """The client that may hold it is gone."""
        with self._monitor:
            if self._owner is not None and self._owner.session is session:
                self._free(self._owner)
                self._freed = True

    # -- for conditions

    def owned(self) -> bool:
        """Whether the caller may wait by a condition of this lock."""
        return self.locked()

    def release_all(self) -> int:
        """Let it go, however often it is held; how often it was."""
        depth = self._depth
        with self._monitor:
            if self._owner is not None:
                self._free(self._owner)
        return depth

    def acquire_all(self, depth: int) -> None:
        """Take it as it was.  Blocks."""
        me = current_identity()
        with self._monitor:
            self._monitor.wait_for(lambda: self._owner is None)
            self._take(me, depth)

    def _take(self, me: Identity, depth: int) -> None:
        try:
            me.session.hold(self)
        except ClientGone:
            self._monitor.notify()  # the notification passes on to a client that is alive
            raise
        self._owner, self._depth, self._freed = me, depth, False

    def _free(self, owner: Identity) -> None:
        self._owner, self._depth = None, 0
        owner.session.remove_held(self)
        self._monitor.notify()


class RLock(Lock):
    """As `threading.RLock`; it belongs to a thread of a client."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, once more if the caller has it; whether that was done.  Blocks."""
        if self.owned():
            self._depth += 1  # no other thread changes it
            return True
        return super().acquire(blocking, timeout)

    def release(self) -> None:
        """Let it go, once.

        :raises RuntimeError: if it is not the caller's.
        """
        if not self.owned():
            raise RuntimeError("cannot release un-acquired lock")
        if self._depth > 1:
            self._depth -= 1
        else:
            super().release()

    def owned(self) -> bool:
        """Whether it is the caller's."""
        return self._owner is not None and self._owner == current_identity()


class Semaphore(threading.Semaphore):
    """As `threading.Semaphore`."""

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self._cond: Any = Monitor()  # in the place of a `threading.Condition`

    def locked(self) -> bool:
        """Whether no permit is free."""
        return self._value == 0


class BoundedSemaphore(threading.BoundedSemaphore):
    """As `threading.BoundedSemaphore`; it gets the permits back of a client that is gone."""

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self._cond: Any = Monitor()
        self._lock = threading.Lock()  # guards the two below
        self._holders: Counter[Session] = Counter()
        self._freed = 0  # permits that came back because their holders are gone, and were not taken since

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take a permit; whether that was done.  Blocks."""
        if not super().acquire(blocking, timeout):
            return False
        session = current_identity().session
        try:
            session.hold(self)
        except ClientGone:
            super().release()
            raise
        with self._lock:
            self._holders[session] += 1
            self._freed = max(0, self._freed - 1)
        return True

    def release(self, n: int = 1) -> None:
        """Give permits back; any client may.

        :raises ValueError: if that were more than there are.
        """
        try:
            super().release(n)
        except ValueError:
            if not self._were_freed(n):
                raise
            return
        me = current_identity().session
        for _ in range(n):
            self._uncount(me)

    def locked(self) -> bool:
        """Whether no permit is free."""
        return self._value == 0

    def on_disconnect(self, session: Session) -> None:
        """Free the permits of a client that is gone."""
        with self._lock:
            n = self._holders.pop(session, 0)
            self._freed += n
        for _ in range(n):
            super().release()

    def _were_freed(self, n: int) -> bool:
        """Whether that many permits were freed already when their clients died: they must not be freed again."""
        with self._lock:
            if n > self._freed:
                return False
            self._freed -= n
            return True

    def _uncount(self, me: Session) -> None:
        """Count a permit that was given back: one of the releaser's, or else one of any client that holds some."""
        with self._lock:
            holder = me if self._holders[me] > 0 else next(iter(+self._holders), None)
            if holder is not None:
                self._holders[holder] -= 1
            self._holders = +self._holders
        if holder is not None:
            holder.remove_held(self)


class ManagedLock(Protocol):
    """`Lock` or `RLock`."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...
    def release(self) -> None: ...
    def locked(self) -> bool: ...
    def owned(self) -> bool: ...
    def release_all(self) -> int: ...
    def acquire_all(self, depth: int) -> None: ...


class Condition:
    """As `threading.Condition`.

    :param lock: its lock; by default an `RLock` of its own.
    """

    def __init__(self, lock: ManagedLock | None = None) -> None:
        self._lock = lock or RLock()
        self._waiters = Waiters()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock; whether that was done.  Blocks."""
        return self._lock.acquire(blocking, timeout)

    def release(self) -> None:
        """Let the lock go."""
        self._lock.release()

    def locked(self) -> bool:
        """Whether the lock is held."""
        return self._lock.locked()

    def wait(self, timeout: float | None = None) -> bool:
        """Let the lock go, wait to be notified, and take it again; whether that was in time.  Blocks."""
        self._check("wait on")
        waiter = self._waiters.enter()
        depth = self._lock.release_all()
        notified = False
        try:
            notified = self._waiters.sleep(waiter, timeout)
        finally:
            try:
                with uninterrupted():  # the caller holds it afterwards, however the wait ends
                    self._lock.acquire_all(depth)
            except ClientGone:
                if notified:
                    self._waiters.notify()  # the notification passes on to a client that is alive
                raise
        return notified

    def notify(self, n: int = 1) -> None:
        """Wake ``n`` that wait."""
        self._check("notify on")
        self._waiters.notify(n)

    def notify_all(self) -> None:
        """Wake all that wait."""
        self.notify(len(self._waiters))

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        """Wait until ``predicate``, which is called here, is true; return its last result. Blocks."""
        return Monitor.wait_for(self, predicate, timeout)  # type: ignore[arg-type]

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"<Condition({self._lock!r}, {len(self._waiters)})>"

    def _check(self, what: str) -> None:
        if not self._lock.owned():
            raise RuntimeError(f"cannot {what} un-acquired lock")


def _seconds(blocking: bool, timeout: float) -> float | None:
    """How long to wait, by the arguments of ``threading.Lock.acquire``."""
    if not blocking:
        if timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        return 0.0
    if timeout == -1:
        return None
    if timeout < 0:
        raise ValueError("timeout value must be a non-negative number")
    return timeout
