"""`Event`, a flag that processes wait for."""

from __future__ import annotations

from processing_core import lowlevel
from processing_sync._aliases import EventAliases
from processing_sync._awaitable import AwaitableEvent
from processing_sync._introspection import Waiter
from processing_sync._introspection import waiters as _waiters

__all__ = ["Event"]


@lowlevel.own_methods
class Event(lowlevel.Derivable, EventAliases, AwaitableEvent, lowlevel.Event):
    """A flag between processes, and their threads; it can be sent anywhere in the family.

    `set` releases all threads that wait at that moment, even if `clear` follows at once.

    Process- and thread-safe; `set`, `clear` and `is_set` are signal-safe.

    :param ctx: for compatibility; nothing depends on it.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> ready = processing.Event()
    >>> ready.wait(timeout=0.01)
    False
    >>> ready.set()
    >>> ready.wait()
    True
    """

    __slots__ = ("__dict__", "__weakref__")

    @property
    def waiters(self) -> list[Waiter]:
        """The threads that wait for it now; does not block."""
        return _waiters(self)

    def __repr__(self) -> str:
        state = "set" if self.is_set() else "unset"
        return f"<{type(self).__qualname__} at {id(self):#x} {state}>"


lowlevel.register_factory("Event", Event)
