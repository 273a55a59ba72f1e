"""Futures of :mod:`concurrent.futures` that an interrupted main thread does not leave held."""

from __future__ import annotations

import threading
from concurrent.futures import Future

from processing_core._threads import Condition, Event, ThreadRLock
from processing_core.annotations import Any, TypeVar

__all__ = ["ThreadFuture"]

R = TypeVar("R")


class _Waiters(list[Any]):
    """Those that :func:`concurrent.futures.wait` and `as_completed` wait with.

    Their event and lock are replaced by such as an exception of a signal handler leaves usable: a thread of the pool's
    that tells them of a future would wait for ever.
    """

    def append(self, waiter: Any) -> None:
        if isinstance(getattr(waiter, "event", None), threading.Event):
            waiter.event = Event()
            if hasattr(waiter, "lock"):
                waiter.lock = ThreadRLock()
        super().append(waiter)


class ThreadFuture(Future[R]):
    """A future that an interrupted main thread does not leave held."""

    def __init__(self) -> None:
        super().__init__()
        self._condition: Any = Condition()
        self._waiters: list[Any] = _Waiters()
