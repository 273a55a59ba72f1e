"""Queues between threads, with the interface of those between processes."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterable

from processing_core import ClosedError
from processing_core.annotations import TypeVar

__all__ = ["JoinableQueue", "Queue", "SimpleQueue"]

T = TypeVar("T")


class Queue(queue.Queue[T]):
    """A first-in, first-out queue; `queue.Queue`, that can be closed.

    Thread-safe.

    :param maxsize: how many objects it holds before `put` waits; 0 is no bound.
    """

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._closed = False

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        """Put an object; blocks while the queue is full.

        :param timeout: seconds; ``None`` waits for ever.
        :raises queue.Full: if there was no room in time.
        :raises ClosedError: if the queue was closed.
        """
        self._check()
        super().put(item, block, timeout)

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Take an object; blocks while the queue is empty.

        :param timeout: seconds; ``None`` waits for ever.
        :raises queue.Empty: if there was none in time.
        :raises ClosedError: if the queue was closed.
        """
        self._check()
        return super().get(block, timeout)

    def put_many(self, objs: Iterable[T], block: bool = True, timeout: float | None = None) -> None:
        """Put several objects; blocks while the queue is full.

        :param timeout: seconds for all of them; ``None`` waits for ever.
        :raises queue.Full: if there was no room in time; those before were put.
        :raises ClosedError: if the queue was closed.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        for obj in objs:
            self.put(obj, block, None if deadline is None else max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """Let nothing more be put or taken.  Does not block."""
        self._closed = True

    def join_thread(self) -> None:
        """Do nothing: no thread feeds the queue."""

    def cancel_join_thread(self) -> None:
        """Do nothing: no thread feeds the queue."""

    def putMany(self, iterable: Iterable[T]) -> None:
        """0.52's name of `put_many`; permanent."""
        self.put_many(iterable)

    def putNoWait(self, obj: T) -> None:
        """0.52's name of ``put_nowait``; permanent."""
        self.put_nowait(obj)

    def getNoWait(self) -> T:
        """0.52's name of ``get_nowait``; permanent."""
        return self.get_nowait()

    def joinThread(self) -> None:
        """0.52's name of `join_thread`; permanent."""
        self.join_thread()

    def cancelJoin(self) -> None:
        """0.52's name of `cancel_join_thread`; permanent."""
        self.cancel_join_thread()

    def _check(self) -> None:
        if self._closed:
            raise ClosedError(f"Queue {self!r} is closed")


class JoinableQueue(Queue[T]):
    """A `Queue`; each of them can be joined."""


class SimpleQueue(Queue[T]):
    """An unbounded `Queue`."""

    def __init__(self) -> None:
        super().__init__()
