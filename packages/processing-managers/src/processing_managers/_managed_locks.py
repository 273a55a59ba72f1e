"""What a manager makes of ``threading``'s locks: they know which client holds them.

A lock is free again when the client that held it is gone, as are the permits of a bounded semaphore; whatever the lock
guarded may be half done then.  (`processing.Lock` tells of that by `OwnerDied`.)  An `RLock` belongs to a thread of a
client.  The permits of a plain semaphore may be signals, and stay taken.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType

from processing_core.annotations import Any, Protocol, TypeVar
from processing_managers._clients import Client, ClientGone, Identity, actor
from processing_managers._monitor import Monitor, Waiters

__all__ = ["BoundedSemaphore", "Condition", "Lock", "RLock", "Semaphore"]

T = TypeVar("T")


class Lock:
    """As `threading.Lock`."""

    def __init__(self) -> None:
        self._monitor = Monitor()  # guards the two below
        self._owner: Identity | None = None
        self._depth = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it; whether that was done.  Blocks."""
        wait = _seconds(blocking, timeout)
        me = actor()
        with self._monitor:
            if not self._monitor.wait_for(lambda: self._owner is None, wait):
                return False
            self._take(me, 1)
        return True

    def release(self) -> None:
        """Let it go; anybody may.

        :raises RuntimeError: if it is free.
        """
        with self._monitor:
            if self._owner is None:
                raise RuntimeError("release unlocked lock")
            self._free(self._owner)

    def locked(self) -> bool:
        """Whether somebody holds it."""
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

    def forsake(self, client: Client) -> None:
        """The client that may hold it is gone."""
        with self._monitor:
            if self._owner is not None and self._owner.client is client:
                self._free(self._owner)

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
        me = actor()
        with self._monitor:
            self._monitor.wait_for(lambda: self._owner is None)
            self._take(me, depth)

    def _take(self, me: Identity, depth: int) -> None:
        try:
            me.client.hold(self)
        except ClientGone:
            self._monitor.notify()  # what woke us is for somebody who lives
            raise
        self._owner, self._depth = me, depth

    def _free(self, owner: Identity) -> None:
        self._owner, self._depth = None, 0
        owner.client.let_go(self)
        self._monitor.notify()


class RLock(Lock):
    """As `threading.RLock`; it belongs to a thread of a client."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, once more if the caller has it; whether that was done.  Blocks."""
        if self.owned():
            self._depth += 1  # nobody else changes it
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
        return self._owner is not None and self._owner == actor()


class Semaphore(threading.Semaphore):
    """As `threading.Semaphore`."""

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self._cond: Any = Monitor()  # in the place of a `threading.Condition`


class BoundedSemaphore(threading.BoundedSemaphore):
    """As `threading.BoundedSemaphore`; it gets the permits back of a client that is gone."""

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self._cond: Any = Monitor()
        self._lock = threading.Lock()  # guards _holders
        self._holders: Counter[Client] = Counter()

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take a permit; whether that was done.  Blocks."""
        if not super().acquire(blocking, timeout):
            return False
        client = actor().client
        try:
            client.hold(self)
        except ClientGone:
            super().release()
            raise
        with self._lock:
            self._holders[client] += 1
        return True

    def release(self, n: int = 1) -> None:
        """Give permits back; anybody may.

        :raises ValueError: if that were more than there are.
        """
        super().release(n)
        me = actor().client
        for _ in range(n):
            self._uncount(me)

    def forsake(self, client: Client) -> None:
        """A client is gone that may hold permits."""
        with self._lock:
            n = self._holders.pop(client, 0)
        for _ in range(n):
            super().release()

    def _uncount(self, me: Client) -> None:
        """A permit was given back: one of the releaser's, or else of whoever took one."""
        with self._lock:
            holder = me if self._holders[me] > 0 else next(iter(+self._holders), None)
            if holder is not None:
                self._holders[holder] -= 1
            self._holders = +self._holders
        if holder is not None:
            holder.let_go(self)


class ManagedLock(Protocol):
    """`Lock` or `RLock`."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...
    def release(self) -> None: ...
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

    def wait(self, timeout: float | None = None) -> bool:
        """Let the lock go, wait to be notified, and take it again; whether that was in time.  Blocks."""
        self._check("wait on")
        waiter = self._waiters.enter()
        depth = self._lock.release_all()
        try:
            return self._waiters.sleep(waiter, timeout)
        finally:
            self._lock.acquire_all(depth)

    def notify(self, n: int = 1) -> None:
        """Wake ``n`` that wait."""
        self._check("notify on")
        self._waiters.notify(n)

    def notify_all(self) -> None:
        """Wake all that wait."""
        self.notify(len(self._waiters))

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        """Wait until ``predicate``, which is called here, is true; what it returned last.  Blocks."""
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
    """How long to wait, of what ``threading.Lock.acquire`` is told."""
    if not blocking:
        if timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        return 0.0
    if timeout == -1:
        return None
    if timeout < 0:
        raise ValueError("timeout value must be a non-negative number")
    return timeout
