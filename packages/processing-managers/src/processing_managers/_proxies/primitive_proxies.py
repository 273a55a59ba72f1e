"""Proxies of ``threading``'s primitives and ``queue``'s queues in a manager's server.

A call that waits blocks the calling thread alone.  What ``threading`` gives to a thread, such as an `RLock`, belongs to
the thread that called, wherever it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from processing_core.annotations import TYPE_CHECKING, ClassVar, TypeVar
from processing_core.lowlevel import checked_timeout
from processing_managers._client.waiting_calls import Call, done_call, exit_call, undone_call
from processing_managers._proxies.aliases import ConditionProxyAliases, EventProxyAliases, QueueProxyAliases
from processing_managers._proxies.proxy import BaseProxy

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["AcquirerProxy", "BarrierProxy", "ConditionProxy", "EventProxy", "QueueProxy"]

T = TypeVar("T")


class AcquirerProxy(BaseProxy):
    """A lock or semaphore in a manager's server."""

    _exposed_: ClassVar[tuple[str, ...] | None] = ("acquire", "release", "locked")

    @undone_call
    def acquire(self, blocking: bool = True, timeout: float | None = None) -> Call[bool]:
        """Take it; whether that was done.  Blocks.

        :param blocking: wait for it.
        :param timeout: seconds; ``None`` waits for ever.
        """
        return Call("acquire", blocking) if timeout is None else Call("acquire", blocking, checked_timeout(timeout))

    @done_call
    def release(self) -> Call[None]:
        """Let it go.

        :raises RuntimeError: if a lock is not held.
        :raises ValueError: if a bounded semaphore was released too often.
        """
        return Call("release")

    def locked(self) -> bool:
        """Whether it is held; of a semaphore, whether no permit is free."""
        return bool(self._callmethod("locked"))

    @undone_call
    def __enter__(self) -> Call[bool]:
        return Call("acquire")

    if TYPE_CHECKING:

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None: ...

    else:
        __exit__ = exit_call("release")


class ConditionProxy(ConditionProxyAliases, AcquirerProxy):
    """A `threading.Condition` in a manager's server."""

    _exposed_: ClassVar[tuple[str, ...] | None] = ("acquire", "release", "locked", "wait", "notify", "notify_all")

    @undone_call
    def wait(self, timeout: float | None = None) -> Call[bool]:
        """Let it go, wait to be notified, and take it again; whether that was in time.  Blocks.

        :param timeout: seconds; ``None`` waits for ever.
        """
        return Call("wait", checked_timeout(timeout))

    def notify(self, n: int = 1) -> None:
        """Wake ``n`` that wait."""
        self._callmethod("notify", (n,))

    def notify_all(self) -> None:
        """Wake all that wait."""
        self._callmethod("notify_all")

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        """Wait until ``predicate``, which is called in this process, is true; return its last result. Blocks.

        :param timeout: seconds; ``None`` waits for ever.
        """
        seconds = checked_timeout(timeout)
        end = None if seconds is None else time.monotonic() + seconds
        while not (result := predicate()):
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
        return result


class EventProxy(EventProxyAliases, BaseProxy):
    """A `threading.Event` in a manager's server."""

    _exposed_: ClassVar[tuple[str, ...] | None] = ("is_set", "set", "clear", "wait")

    def is_set(self) -> bool:
        """Whether it is set."""
        return bool(self._callmethod("is_set"))

    def set(self) -> None:
        """Set it, and wake all that wait."""
        self._callmethod("set")

    def clear(self) -> None:
        """Unset it."""
        self._callmethod("clear")

    @undone_call
    def wait(self, timeout: float | None = None) -> Call[bool]:
        """Wait until it is set; whether that was in time.  Blocks.

        :param timeout: seconds; ``None`` waits for ever.
        """
        return Call("wait", checked_timeout(timeout))


class BarrierProxy(BaseProxy):
    """A `threading.Barrier` in a manager's server."""

    _exposed_: ClassVar[tuple[str, ...] | None] = ("__getattribute__", "wait", "abort", "reset")

    @undone_call
    def wait(self, timeout: float | None = None) -> Call[int]:
        """Wait until all parties wait; which of them this was.  Blocks.

        :param timeout: seconds; ``None`` is the barrier's own.
        :raises threading.BrokenBarrierError: if it is broken, or was reset meanwhile.
        """
        return Call("wait", checked_timeout(timeout))

    def abort(self) -> None:
        """Break it."""
        self._callmethod("abort")

    def reset(self) -> None:
        """Make it usable again; threads that wait get an error."""
        self._callmethod("reset")

    @property
    def parties(self) -> int:
        """How many must wait."""
        result: int = self._callmethod("__getattribute__", ("parties",))
        return result

    @property
    def n_waiting(self) -> int:
        """How many wait."""
        result: int = self._callmethod("__getattribute__", ("n_waiting",))
        return result

    @property
    def broken(self) -> bool:
        """Whether it is broken."""
        return bool(self._callmethod("__getattribute__", ("broken",)))


class QueueProxy(QueueProxyAliases[T], BaseProxy):
    """A `queue.Queue` in a manager's server."""

    _exposed_: ClassVar[tuple[str, ...] | None] = (
        *("empty", "full", "get", "get_nowait", "join", "put", "put_nowait", "qsize", "shutdown", "task_done"),
    )

    @undone_call
    def put(self, item: T, block: bool = True, timeout: float | None = None) -> Call[None]:
        """Put an object.  Blocks while the queue is full.

        :param timeout: seconds; ``None`` waits for ever.
        :raises queue.Full: if it was full all the time.
        """
        return Call("put", item, block, checked_timeout(timeout))

    @undone_call
    def get(self, block: bool = True, timeout: float | None = None) -> Call[T]:
        """Get an object.  Blocks while the queue is empty.

        :param timeout: seconds; ``None`` waits for ever.
        :raises queue.Empty: if it was empty all the time.
        """
        return Call("get", block, checked_timeout(timeout))

    def put_nowait(self, item: T) -> None:
        """Put an object.

        :raises queue.Full: if the queue is full.
        """
        self._callmethod("put_nowait", (item,))

    @undone_call
    def get_nowait(self) -> Call[T]:
        """Get an object.

        :raises queue.Empty: if the queue is empty.
        """
        return Call("get_nowait")

    def qsize(self) -> int:
        """How many objects it holds."""
        result: int = self._callmethod("qsize")
        return result

    def empty(self) -> bool:
        """Whether it holds none."""
        return bool(self._callmethod("empty"))

    def full(self) -> bool:
        """Whether it holds as many as it may."""
        return bool(self._callmethod("full"))

    def task_done(self) -> None:
        """Say that what was got is done.

        :raises ValueError: if it is said more often than something was put.
        """
        self._callmethod("task_done")

    @undone_call
    def join(self) -> Call[None]:
        """Wait until all that was put is done.  Blocks."""
        return Call("join")

    def shutdown(self, immediate: bool = False) -> None:
        """Let ``put`` raise from now on, and ``get`` as soon as the queue is empty; where the server's Python has that.

        :param immediate: empty it at once.
        :raises AttributeError: if the server's Python is older than 3.13.
        """
        self._callmethod("shutdown", (immediate,))
