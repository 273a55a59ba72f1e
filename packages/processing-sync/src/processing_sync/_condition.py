"""`Condition`, waiting for another's word under a lock."""

from __future__ import annotations

import time
from collections.abc import Callable

from processing_core import lowlevel
from processing_core.annotations import TYPE_CHECKING, Any, TypeVar
from processing_sync._aliases import ConditionAliases
from processing_sync._awaitable_condition import AwaitableCondition
from processing_sync._introspection import Waiter
from processing_sync._introspection import waiters as _waiters
from processing_sync._lock import RLock

__all__ = ["Condition"]

_T = TypeVar("_T")


class _Count:
    """What programs find as a condition's ``_sleeping_count``, which is a semaphore in ``multiprocessing``."""

    def __init__(self, value: int) -> None:
        self._value = value

    def get_value(self) -> int:
        return self._value


@lowlevel.own_methods
class Condition(lowlevel.Derivable, ConditionAliases, AwaitableCondition, lowlevel.Condition):
    """A condition variable between processes, and their threads; it can be sent anywhere in the family.

    `notify` wakes at most ``n`` threads, and only threads that wait at that moment, the longest-waiting first. A
    notification is not lost with its receiver: if the receiver dies, or is interrupted, before it has the lock again,
    the notification passes on to the next thread that waited then. If the owner of the lock dies, `wait` raises
    :exc:`~processing.OwnerDied` within a second.

    A condition is sent together with its lock.  Process- and thread-safe.

    :param lock: a `Lock` or `RLock`, which may be shared by several conditions; ``None`` makes an
        `RLock`.
    :param ctx: for compatibility; nothing depends on it.
    :raises TypeError: if ``lock`` is something else.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> condition = processing.Condition()
    >>> with condition:
    ...     condition.wait(timeout=0.01)
    False
    """

    __slots__ = ("__dict__", "__weakref__")

    if TYPE_CHECKING:  # what programs' classes call

        def __init__(self, lock: lowlevel.Lock | lowlevel.RLock | None = None, *, ctx: object = None) -> None: ...

    else:

        def __new__(cls, lock=None, *, ctx=None):
            return super().__new__(cls, RLock() if lock is None else lock)

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, (dict, tuple, type(None))):  # of a program's class
            lowlevel.Derivable.__setstate__(self, state)
        else:
            lowlevel.Condition.__setstate__(self, state)

    def wait_for(self, predicate: Callable[[], _T], timeout: float | None = None) -> _T:
        """Wait until ``predicate()`` is true.

        The lock must be held, and is held again afterwards; the predicate is called with it held.
        Blocks; a signal handler that raises interrupts it.

        :param timeout: seconds; ``None`` waits for ever.
        :return: what the predicate returned last, which is false only if the time was up.
        :raises NotHeldError: if the lock is not held.
        :raises OwnerDied: if the lock's owner died.
        """
        seconds = lowlevel.checked_timeout(timeout)
        deadline = None if seconds is None else time.monotonic() + seconds
        result = predicate()
        while not result:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
            result = predicate()
        return result

    @property
    def waiters(self) -> list[Waiter]:
        """The threads that wait for a notification now; does not block."""
        return _waiters(self)

    @property
    def _sleeping_count(self) -> _Count:
        return _Count(self._waiters)

    @property
    def _woken_count(self) -> _Count:
        return _Count(0)

    _wait_semaphore = _woken_count

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self._lock}), {self._waiters}>"


lowlevel.register_factory("Condition", Condition)
