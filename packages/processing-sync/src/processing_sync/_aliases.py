"""The names of ``processing`` 0.52; permanent.

Each method calls the modern one on ``self``, so that what a subclass overrides is reached.
"""

from __future__ import annotations

from processing_core.annotations import Protocol

__all__ = ["ConditionAliases", "EventAliases", "SemaphoreAliases"]


class _Counting(Protocol):
    def get_value(self) -> int: ...


class _Notifying(Protocol):
    def notify_all(self) -> None: ...


class _Flagged(Protocol):
    def is_set(self) -> bool: ...


class SemaphoreAliases:
    """0.52's methods of semaphores."""

    __slots__ = ()

    def getValue(self: _Counting) -> int:
        """:meth:`get_value`."""
        return self.get_value()


class ConditionAliases:
    """0.52's methods of ``Condition``."""

    __slots__ = ()

    def notifyAll(self: _Notifying) -> None:
        """:meth:`notify_all`."""
        self.notify_all()


class EventAliases:
    """0.52's methods of ``Event``."""

    __slots__ = ()

    def isSet(self: _Flagged) -> bool:
        """:meth:`is_set`."""
        return self.is_set()
