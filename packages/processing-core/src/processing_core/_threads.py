"""Threads of one process and their locks, which no exception of a signal handler breaks.

CPython runs signal handlers when a function begins, when a call is over, and where a loop jumps back. What a handler
raises there must not separate an acquired lock from the ``with`` that releases it:

- Between an ``__enter__`` of C and the body no handler runs; except on CPython 3.14, where every such lock then stays
  acquired for ever (python/cpython#148874, mended in 3.15). Behind an operator no handler runs, whatever it calls, so
  there `entering` makes an ``__enter__`` of one.
- An ``__enter__`` of Python that calls another's is torn on every version, and so is an ``__exit__``: a `Delegated` one
  is the other's own method, which was found before anything was acquired.
- ``threading``'s conditions have both of Python, and so have its semaphores and events, which consist of them: where
  the main thread may be, a `BinarySemaphore` does instead. A thread's `start` waits for such an event as well; if that
  was interrupted, the new thread may never run its function: a `DaemonThread` has an event of its own.
"""

from __future__ import annotations

import _thread
import sys
import threading
import time
from contextlib import suppress
from itertools import starmap
from operator import attrgetter
from types import FunctionType

from processing_core._native import _kernel
from processing_core.annotations import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "BinarySemaphore",
    "Condition",
    "DaemonThread",
    "Delegated",
    "Event",
    "ThreadLock",
    "ThreadRLock",
    "own_methods",
]

if sys.version_info >= (3, 14):
    import _contextvars  # as `threading` does

C = TypeVar("C", bound=type)
T = TypeVar("T")

TEARS_WITH = sys.version_info[:2] == (3, 14)
"""Whether this CPython runs signal handlers between an ``__enter__`` of C and the body."""


class Delegated:
    """A special method that is the one of another object, which ``other`` returns."""

    def __init__(self, other: Callable[[Any], Any], method: str) -> None:
        self._other, self._method = other, method

    def __get__(self, obj: object, owner: type | None = None) -> Any:
        return self._call if obj is None else getattr(self._other(obj), self._method)

    def _call(self, obj: object, *args: Any) -> Any:
        return getattr(self._other(obj), self._method)(*args)


def _held_lock() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


class BinarySemaphore:
    """One permit or none, none at first: `release` is a hint that a thread should look, however often it was given."""

    def __init__(self) -> None:
        lock = _held_lock()
        self.acquire: Callable[..., bool] = lock.acquire
        """Wait for the permit, and take it; as that of `threading.Lock`."""
        self._release = lock.release

    def release(self) -> None:
        """Give the permit, unless it is there.  Does not block."""
        try:
            self._release()
        except RuntimeError:
            pass  # it is there


class Event:
    """A `threading.Event`: a thread that waits is listed before it looks, and `set` reads the list after it has set."""

    def __init__(self) -> None:
        self._is_set = False
        self._waiters: list[threading.Lock] = []

    def is_set(self) -> bool:
        """Whether it is set.  Does not block."""
        return self._is_set

    def set(self) -> None:
        """Wake all threads that wait, and let others not wait.  Does not block."""
        self._is_set = True
        for waiter in list(self._waiters):
            with suppress(RuntimeError):  # another thread has woken it
                waiter.release()

    def clear(self) -> None:
        """Let threads wait again.  Does not block."""
        self._is_set = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set; return whether it was, in time.

        :param timeout: seconds; ``None`` waits for ever.
        """
        if self.is_set():
            return True
        waiter = _held_lock()
        try:
            self._waiters.append(waiter)
            return self.is_set() or waiter.acquire(True, -1 if timeout is None else max(0.0, timeout))
        finally:
            try:  # without another call, behind which a handler could raise
                self._waiters.remove(waiter)
            except ValueError:
                pass  # it was interrupted before it was listed


class _Started:
    """In place of the event that a thread has begun: the thread that starts it is the only one that waits."""

    def __init__(self) -> None:
        self._begun = BinarySemaphore()
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        self._begun.release()

    def wait(self) -> None:
        while not self._is_set:
            self._begun.acquire()

    def _at_fork_reinit(self) -> None:
        self._begun = BinarySemaphore()


class DaemonThread(threading.Thread):
    """A daemonic thread: once its `start` has begun it, it runs, whatever a signal handler raises in `start`.

    `threading.Thread.start` enters it in a table, and removes it again if anything raises an `Exception`; the thread
    then ends because it does not find itself there. So here it is the thread that enters itself, where no handler runs.
    """

    def __init__(self, target: Callable[..., object], args: tuple[Any, ...] = (), *, name: str | None = None) -> None:
        super().__init__(target=target, args=args, name=name, daemon=True)
        self._started: Any = _Started()

    def start(self) -> None:
        """Start it, and wait until it runs.

        :raises RuntimeError: if it was started before, or the system has no more threads.
        """
        if self._started.is_set():
            raise RuntimeError("threads can only be started once")
        begin, args, kwargs = _beginning_of(self)
        begin(self._bootstrap, *args, **kwargs)
        self._started.wait()

    def _bootstrap(self) -> None:
        with threading._active_limbo_lock:  # type: ignore[attr-defined]
            threading._limbo[self] = self  # type: ignore[attr-defined]
        super()._bootstrap()  # type: ignore[misc]


def _beginning_of(thread: Any) -> tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]:
    """How this version of ``threading`` begins a thread; looked up at each start, for libraries replace it."""
    module: Any = threading
    if sys.version_info >= (3, 14):
        if thread._context is None:
            thread._context = (
                _contextvars.copy_context() if sys.flags.thread_inherit_context else _contextvars.Context()
            )
        return module._start_joinable_thread, (), {"handle": thread._os_thread_handle, "daemon": True}
    if sys.version_info >= (3, 13):
        return module._start_joinable_thread, (), {"handle": thread._handle, "daemon": True}
    return module._start_new_thread, ((),), {}


def entering(enter: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """An ``__enter__`` that calls ``enter``, one of C, so that no signal handler runs before the body."""
    entered_by = _kernel.CallOperator(enter)

    def __enter__(self: Any) -> Any:  # noqa: N807
        return entered_by @ self

    return __enter__


if TYPE_CHECKING or not TEARS_WITH:
    from _thread import RLock as ThreadRLock  # the class, which `threading.RLock` is a function for until 3.13
    from threading import Lock as ThreadLock
else:

    class ThreadRLock(_thread.RLock):
        """A `threading.RLock`."""

        __enter__ = entering(_thread.RLock.__enter__)

    class ThreadLock:
        """A `threading.Lock`, from which no class can be derived."""

        __slots__ = ("__weakref__", "_at_fork_reinit", "_lock", "_locked_by", "acquire", "locked", "release")

        def __init__(self) -> None:
            self._lock = lock = threading.Lock()
            self.acquire, self.release, self.locked = lock.acquire, lock.release, lock.locked
            self._at_fork_reinit = lock._at_fork_reinit
            self._locked_by = _kernel.CallOperator(self.acquire)

        def __enter__(self) -> bool:
            return self._locked_by @ True

        __exit__ = Delegated(attrgetter("_lock"), "__exit__")


def own_methods(cls: C) -> C:
    """As the kernel's; and where a ``with`` is torn, an ``__enter__`` of C is replaced."""
    _kernel.own_methods(cls)
    enter = getattr(cls, "__enter__", None) if TEARS_WITH else None
    if enter is not None and not isinstance(enter, FunctionType):
        cls.__enter__ = entering(enter)  # type: ignore[attr-defined]
    return cls


class Condition(ThreadRLock):  # type: ignore[misc]  # final only for the checkers
    """A `threading.Condition`, which is its own lock."""

    _waiters: list[threading.Lock] | None = None  # of threads that wait; changed by the thread that holds this

    def wait(self, timeout: float | None = None) -> bool:
        """Release it, wait until it is notified, and acquire it again; return whether it was notified in time.

        :param timeout: seconds; ``None`` waits for ever.
        """
        waiter = _held_lock()
        saved: list[Any] = []
        if self._waiters is None:
            self._waiters = []
        try:
            self._waiters.append(waiter)
            saved.extend(starmap(self._release_save, ((),)))  # type: ignore[attr-defined]  # in one call
            return waiter.acquire(True, -1 if timeout is None else max(0.0, timeout))
        finally:
            try:
                if saved:
                    self._acquire_restore(saved[0])  # type: ignore[attr-defined]
            finally:
                try:  # without another call, behind which a handler could raise
                    self._waiters.remove(waiter)
                except ValueError:
                    pass  # it was notified, or interrupted before it was listed

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        """Wait until the predicate is true, which is asked whenever this is notified; return what it said last.

        :param timeout: seconds; ``None`` waits for ever.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not (said := predicate()):
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
        return said

    def notify(self, n: int = 1) -> None:
        """Wake ``n`` of the threads that wait.  Does not block."""
        if self._waiters:
            for waiter in self._waiters[:n]:
                try:
                    waiter.release()
                except RuntimeError:
                    pass  # it was woken before, by a call that an exception of a signal handler ended
            del self._waiters[:n]

    def notify_all(self) -> None:
        """Wake all threads that wait.  Does not block."""
        if self._waiters:
            self.notify(len(self._waiters))
