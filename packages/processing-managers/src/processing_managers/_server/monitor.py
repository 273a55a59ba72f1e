"""`Monitor`: a mutex, and threads of the server that wait until they are notified, or their client is gone."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType

from processing_core.annotations import Any, Protocol, Self, TypeVar
from processing_managers._server.session import current_identity, wake

__all__ = ["Monitor", "Waiters"]

T = TypeVar("T")


class Mutex(Protocol):
    """As `threading.Lock`."""

    def acquire(self) -> Any: ...
    def release(self) -> None: ...


class Waiters:
    """The threads that wait for a notification; the first to wait is the first to get one.  Thread-safe.

    A notification goes to a waiting thread.  A thread that it reaches when its time is up has it; one that reaches a
    thread whose client is gone goes to the next.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()  # guards _waiting
        self._waiting: deque[threading.Lock] = deque()  # each is released to wake its thread

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self) -> threading.Lock:
        """Notifications may come to the caller from now on: he must :meth:`sleep`."""
        waiter = threading.Lock()
        waiter.acquire()
        with self._mutex:
            self._waiting.append(waiter)
        return waiter

    def sleep(self, waiter: threading.Lock, timeout: float | None) -> bool:
        """Whether there was a notification; blocks.

        :raises ClientGone: if the client is gone that this thread acts for.
        """
        try:
            woken = current_identity().session.await_lock(waiter, -1.0 if timeout is None else max(0.0, timeout))
        except BaseException:
            if not self._left(waiter):
                self.notify()
            raise
        return woken or not self._left(waiter)

    def notify(self, n: int = 1) -> None:
        """Wake as many."""
        with self._mutex:
            woken = [self._waiting.popleft() for _ in range(min(n, len(self._waiting)))]
        for waiter in woken:
            wake(waiter)

    def _left(self, waiter: threading.Lock) -> bool:
        """Whether it was still waiting; it is not any more."""
        with self._mutex:
            try:
                self._waiting.remove(waiter)
            except ValueError:
                return False
        return True


class Monitor:
    """As `threading.Condition`, whose place it takes in the classes of ``threading`` and ``queue``.

    :param mutex: one that has no owner.
    """

    def __init__(self, mutex: Mutex | None = None) -> None:
        self._mutex = mutex or threading.Lock()
        self._waiters = Waiters()

    def __enter__(self) -> Self:
        self._mutex.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mutex.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Let the mutex go, wait to be notified, and take it again; whether that was in time.  Blocks."""
        waiter = self._waiters.enter()
        self._mutex.release()
        try:
            return self._waiters.sleep(waiter, timeout)
        finally:
            self._mutex.acquire()

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        """Wait until ``predicate`` is true; return its last result. Blocks."""
        end = None if timeout is None else time.monotonic() + timeout
        while not (result := predicate()):
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
        return result

    def notify(self, n: int = 1) -> None:
        """Wake ``n`` that wait."""
        self._waiters.notify(n)

    def notify_all(self) -> None:
        """Wake all that wait."""
        self._waiters.notify(len(self._waiters))
