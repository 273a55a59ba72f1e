"""`Lock` and `RLock`, which know their owner."""

from __future__ import annotations

import threading
from functools import partial

from processing_core import current_process, lowlevel
from processing_core.annotations import TYPE_CHECKING
from processing_sync._awaitable import AwaitableLock, AwaitableRLock
from processing_sync._semlock import HasSemlock

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from processing_sync._introspection import Holder, Waiter

__all__ = ["Lock", "RLock"]


@lowlevel.own_methods
class Lock(lowlevel.Derivable, HasSemlock, AwaitableLock, lowlevel.Lock):
    """A lock between processes, and their threads; it can be sent anywhere in the family.

    It knows which process holds it. If that process dies, or exits without releasing it, every `acquire` raises
    :exc:`~processing.OwnerDied` within a second, until a process repairs the guarded state inside ``with
    lock.recover():``.

    Any member of the family may release it.  To pass a signal on use a `Semaphore` or an `Event`:
    here the death of the process that acquired it would count as the owner's.

    Process- and thread-safe.  A signal handler that raises interrupts a waiting `acquire`; a
    handler must not acquire a lock that the code it interrupts may hold.

    :param ctx: for compatibility; nothing depends on it.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> lock = processing.Lock()
    >>> with lock:
    ...     lock.locked()
    True
    """

    __slots__ = ("__dict__", "__weakref__")

    def recover(self) -> AbstractContextManager[object]:
        """Repair what the lock guards, after its owner died.

        Inside the ``with`` block this process, and no other, holds the lock.  If the block ends
        normally the lock is free and usable again; if it raises, or this process dies, the lock
        stays as unrepaired as it was.  Does not block.

        :raises NotHeldError: if the owner is not dead, or another process repairs the lock already.

        >>> import processing
        >>> lock = processing.Lock()
        >>> try:
        ...     lock.acquire()
        ... except processing.OwnerDied:
        ...     with lock.recover():
        ...         ...  # put the guarded state right
        True
        """
        return _repair(self)

    @property
    def owner(self) -> Holder | None:
        """The process that holds it, or died while it held it; ``None`` if it is free. Does not block."""
        return _holder(self)

    @property
    def waiters(self) -> list[Waiter]:
        """The threads that wait for it now; does not block."""
        return _waiters(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(owner={_owner(self._holder()[2])})>"


@lowlevel.own_methods
class RLock(lowlevel.Derivable, HasSemlock, AwaitableRLock, lowlevel.RLock):
    """A lock like `Lock`, that the thread which holds it can acquire again.

    It is free when that thread has released it as often as it acquired it. No other thread may release it.

    :param ctx: for compatibility; nothing depends on it.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> lock = processing.RLock()
    >>> with lock, lock:
    ...     print(lock)
    <RLock(MainProcess, 2)>
    """

    __slots__ = ("__dict__", "__weakref__")

    def recover(self) -> AbstractContextManager[object]:
        """Repair what the lock guards, after its owner died; see `Lock.recover`.

        :raises NotHeldError: if the owner is not dead, or another process repairs the lock already.
        """
        return _repair(self)

    @property
    def owner(self) -> Holder | None:
        """The process that holds it, or died while it held it; ``None`` if it is free. Does not block."""
        return _holder(self)

    @property
    def waiters(self) -> list[Waiter]:
        """The threads that wait for it now; does not block."""
        return _waiters(self)

    def __repr__(self) -> str:
        _, _, what, depth = self._holder()
        count = depth if what in ("free", "mine") else "nonzero"
        return f"<{type(self).__name__}({_owner(what)}, {count})>"


def _holder(lock: lowlevel.Lock | lowlevel.RLock) -> Holder | None:
    from processing_sync._introspection import holders  # here, as below, for few programs ask

    return next(iter(holders(lock)), None)


def _waiters(lock: lowlevel.Lock | lowlevel.RLock) -> list[Waiter]:
    from processing_sync._introspection import waiters

    return waiters(lock)


def _repair(lock: lowlevel.Lock | lowlevel.RLock) -> AbstractContextManager[object]:
    return lowlevel.ScopeGuard(lock._begin_repair, partial(lock._end_repair, True), partial(lock._end_repair, False))


_OTHERS = {"free": "None", "thread": "SomeOtherThread", "process": "SomeOtherProcess", "dead": "SomeDeadProcess"}


def _owner(what: str) -> str:
    """The owner as ``multiprocessing`` writes it, from what the kernel says of it."""
    if what != "mine":
        return _OTHERS[what]
    process, thread = current_process().name, threading.current_thread().name
    return process if thread == "MainThread" else f"{process}|{thread}"
