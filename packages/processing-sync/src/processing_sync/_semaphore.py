"""`Semaphore`, whose permits may be signals, and `BoundedSemaphore`, whose permits have owners."""

from __future__ import annotations

from processing_core import lowlevel
from processing_sync._aliases import SemaphoreAliases
from processing_sync._awaitable import AwaitableSemaphore
from processing_sync._introspection import Holder, Waiter
from processing_sync._introspection import holders as _holders
from processing_sync._introspection import waiters as _waiters
from processing_sync._semlock import HasSemlock

__all__ = ["BoundedSemaphore", "Semaphore"]


@lowlevel.own_methods
class Semaphore(lowlevel.Derivable, HasSemlock, SemaphoreAliases, AwaitableSemaphore, lowlevel.Semaphore):
    """A count of permits between processes, and their threads; it can be sent anywhere in the family.

    A permit has no owner: one process may release what another has acquired. So the permits that a dead process had
    acquired stay acquired; if they shall come back, use a `BoundedSemaphore`, or ``reclaim=True``.

    Process- and thread-safe, and `release` is signal-safe (but with ``reclaim=True``).

    :param value: the permits at the beginning, from 0 to 2147483647.
    :param reclaim: whether a permit knows the process that acquired it, and is taken back within a second by a
        waiting process if that one dies, or exits.  `release` gives back a permit of this process, or where it has
        none, one of another's; where none is held there is one more.  Then each permit takes 8 bytes, and `acquire`
        looks through them for a free one: meant for up to some thousands.
    :param ctx: for compatibility; nothing depends on it.
    :raises TypeError: if ``value`` is not an integer.
    :raises ValueError: if ``value`` is out of that range.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> items = processing.Semaphore(0)
    >>> items.release(2)
    >>> items.acquire(timeout=0.1), items
    (True, <Semaphore(value=1)>)
    """

    __slots__ = ("__dict__", "__weakref__")

    def locked(self) -> bool:
        """Whether no permit is free.  Does not block."""
        return self.get_value() == 0

    @property
    def holders(self) -> list[Holder]:
        """The processes that hold permits, if permits have owners; up to 64 processes. Does not block."""
        return _holders(self)

    @property
    def waiters(self) -> list[Waiter]:
        """The threads that wait for it now; does not block."""
        return _waiters(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(value={self.get_value()})>"


@lowlevel.own_methods
class BoundedSemaphore(lowlevel.Derivable, HasSemlock, SemaphoreAliases, AwaitableSemaphore, lowlevel.BoundedSemaphore):
    """Permits for a bounded resource, between processes; it can be sent anywhere in the family.

    Each permit knows the process that holds it.  If that process dies, or exits, a process
    that waits for a permit takes its permits back within a second.  `release` gives back a permit of this process,
    or where it has none, one of another's.

    Process- and thread-safe.  Each permit takes 8 bytes, and `acquire` looks through them for a
    free one: meant for up to some thousands.

    :param value: the permits there are, from 0 to 2147483647.
    :param ctx: for compatibility; nothing depends on it.
    :raises TypeError: if ``value`` is not an integer.
    :raises ValueError: if ``value`` is out of that range.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> connections = processing.BoundedSemaphore(4)
    >>> with connections:
    ...     print(connections)
    <BoundedSemaphore(value=3, maxvalue=4)>
    """

    __slots__ = ("__dict__", "__weakref__")

    def locked(self) -> bool:
        """Whether no permit is free.  Does not block."""
        return self.get_value() == 0

    @property
    def holders(self) -> list[Holder]:
        """The processes that hold permits, if permits have owners; up to 64 processes. Does not block."""
        return _holders(self)

    @property
    def waiters(self) -> list[Waiter]:
        """The threads that wait for it now; does not block."""
        return _waiters(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(value={self.get_value()}, maxvalue={self._maximum})>"


lowlevel.register_factory("Semaphore", Semaphore)
lowlevel.register_factory("BoundedSemaphore", BoundedSemaphore)
