"""`Semaphore`, whose permits may be signals, and `BoundedSemaphore`, whose permits have owners."""

from __future__ import annotations

from processing_core import lowlevel
from processing_sync._aliases import SemaphoreAliases
from processing_sync._introspection import Holder, Waiter
from processing_sync._introspection import holders as _holders
from processing_sync._introspection import waiters as _waiters

__all__ = ["BoundedSemaphore", "Semaphore"]


@lowlevel.own_methods
class Semaphore(SemaphoreAliases, lowlevel.Semaphore):
    """A count of permits between processes, and their threads; it can be sent anywhere in the family.

    A permit belongs to nobody: one process may release what another acquires.  So what a dead
    process had acquired stays acquired; where that is not wanted use a `BoundedSemaphore`, or
    ``reclaim=True``.

    Process- and thread-safe, and `release` is signal-safe (but with ``reclaim=True``).

    :param value: the permits at the beginning, from 0 to 2147483647.
    :param reclaim: whether a permit knows the process that acquired it, and is taken back within a second by whoever
        waits for one if that dies, or exits.  `release` gives back a permit of this process, or where it has none, one
        of another's; where none is held there is one more.  Then each permit takes 8 bytes, and `acquire` looks through
        them for a free one: meant for up to some thousands.
    :raises TypeError: if ``value`` is not an integer.
    :raises ValueError: if ``value`` is out of that range.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> items = processing.Semaphore(0)
    >>> items.release(2)
    >>> items.acquire(timeout=0.1), items
    (True, <Semaphore(value=1)>)
    """

    __slots__ = ()

    @property
    def holders(self) -> list[Holder]:
        """Who holds permits, where permits have owners; up to 64 processes.  Does not block."""
        return _holders(self)

    @property
    def waiters(self) -> list[Waiter]:
        """Who waits for it now; does not block."""
        return _waiters(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(value={self.get_value()})>"


@lowlevel.own_methods
class BoundedSemaphore(SemaphoreAliases, lowlevel.BoundedSemaphore):
    """Permits for a bounded resource, between processes; it can be sent anywhere in the family.

    Each permit knows the process that holds it.  If that dies, or exits, its permits are taken
    back within a second by whoever waits for one.  `release` gives back a permit of this process,
    or where it has none, one of another's.

    Process- and thread-safe.  Each permit takes 8 bytes, and `acquire` looks through them for a
    free one: meant for up to some thousands.

    :param value: the permits there are, from 0 to 2147483647.
    :raises TypeError: if ``value`` is not an integer.
    :raises ValueError: if ``value`` is out of that range.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> connections = processing.BoundedSemaphore(4)
    >>> with connections:
    ...     print(connections)
    <BoundedSemaphore(value=3, maxvalue=4)>
    """

    __slots__ = ()

    @property
    def holders(self) -> list[Holder]:
        """Who holds permits, where permits have owners; up to 64 processes.  Does not block."""
        return _holders(self)

    @property
    def waiters(self) -> list[Waiter]:
        """Who waits for it now; does not block."""
        return _waiters(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(value={self.get_value()}, maxvalue={self._maximum})>"
