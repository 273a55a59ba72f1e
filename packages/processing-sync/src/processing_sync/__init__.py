"""Synchronization between processes: `threading`'s primitives, for a family.

Programs import `processing`, which offers all of this and more.
"""

from __future__ import annotations

from os import environ as _environ

from processing_core.annotations import TYPE_CHECKING
from processing_core.lowlevel import claim as _claim
from processing_core.lowlevel import on_demand as _on_demand
from processing_core.lowlevel import register_factory as _register_factory
from processing_sync._lock import Lock as Lock
from processing_sync._lock import RLock as RLock

if TYPE_CHECKING:
    from processing_sync._barrier import Barrier as Barrier
    from processing_sync._condition import Condition as Condition
    from processing_sync._event import Event as Event
    from processing_sync._introspection import Holder as Holder
    from processing_sync._introspection import Primitive as Primitive
    from processing_sync._introspection import Waiter as Waiter
    from processing_sync._introspection import primitives as primitives
    from processing_sync._introspection import record_creation as record_creation
    from processing_sync._semaphore import BoundedSemaphore as BoundedSemaphore
    from processing_sync._semaphore import Semaphore as Semaphore

__version__ = "1.0.0"

__all__ = [
    "Barrier",
    "BoundedSemaphore",
    "Condition",
    "Event",
    "Holder",
    "Lock",
    "Primitive",
    "RLock",
    "Semaphore",
    "Waiter",
    "primitives",
    "record_creation",
]

if not TYPE_CHECKING:  # for a checker would take every name then
    __getattr__ = _on_demand(
        globals(),
        {
            "Barrier": "_barrier",
            "BoundedSemaphore": "_semaphore",
            "Condition": "_condition",
            "Event": "_event",
            "Holder": "_introspection",
            "Primitive": "_introspection",
            "Semaphore": "_semaphore",
            "Waiter": "_introspection",
            "primitives": "_introspection",
            "record_creation": "_introspection",
        },
    )  # these modules take 2 ms, and a program that needs a lock may need none of them
    if _environ.get("PROCESSING_RECORD_CREATION") == "1":
        __getattr__("record_creation")()


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


_claim(__name__, __all__)
_register_factory("Lock", Lock)
_register_factory("RLock", RLock)
