"""What the primitives offer to tasks of an event loop: the awaitable twin of each method that waits.

An attempt takes what there is, or nothing, without waiting; `lowlevel.until` tries it until it succeeds.
"""

from __future__ import annotations

from types import TracebackType

from processing_core.annotations import Any, Protocol
from processing_core.lowlevel import BUSY, Observer, checked_timeout, task_number, until

__all__ = [
    "AwaitableContext",
    "AwaitableEvent",
    "AwaitableLock",
    "AwaitableRLock",
    "AwaitableSemaphore",
    "patience",
]


def patience(block: bool, timeout: float | None) -> float | None:
    """How many seconds an acquire may wait, from the arguments that `acquire` takes; ``None`` is no bound."""
    if not block:
        if timeout is not None and timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        return 0.0
    timeout = checked_timeout(timeout)
    return None if timeout == -1 else timeout


class _Acquired(Protocol):
    def acquire(self, block: bool = True, timeout: float | None = None) -> bool: ...
    def _observe(self, observer: Observer, /) -> int: ...


class AwaitableContext:
    """``async with``: acquired inside, and released at the end."""

    __slots__ = ()

    async def __aenter__(self: Any) -> bool:
        return await self.acquire_async()  # type: ignore[no-any-return]

    async def __aexit__(
        self: Any, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class AwaitableLock(AwaitableContext):
    """A lock's."""

    __slots__ = ()

    async def acquire_async(self: Any, block: bool = True, timeout: float | None = None) -> bool:
        """Take the lock, waiting for it, in a task of an event loop: `acquire`, awaited.

        A cancelled wait has not taken it.

        :param block: whether to wait.
        :param timeout: seconds; ``None`` waits for ever.
        :return: whether it was taken; false when the time was up.
        :raises OwnerDied: if its owner died and no process has repaired what it guards.
        """
        return await _acquire(self, patience(block, timeout))


class AwaitableSemaphore(AwaitableContext):
    """A semaphore's."""

    __slots__ = ()

    async def acquire_async(self: Any, block: bool = True, timeout: float | None = None) -> bool:
        """Take a permit, waiting for one, in a task of an event loop: `acquire`, awaited.

        A cancelled wait has taken none.

        :param block: whether to wait.
        :param timeout: seconds; ``None`` waits for ever.
        :return: whether one was taken; false when the time was up.
        """
        return await _acquire(self, patience(block, timeout))


class AwaitableRLock(AwaitableContext):
    """An `RLock`'s, which a task owns."""

    __slots__ = ()

    async def acquire_async(self: Any, block: bool = True, timeout: float | None = None) -> bool:
        """Take the lock for the current task, which may acquire it again, by this method.

        Only that task may release it.  Until then a synchronous `acquire` of another thread waits, and one of the
        thread that runs the task raises :exc:`RuntimeError`, because it would wait for ever.  A cancelled wait has not
        taken it.

        :param block: whether to wait.
        :param timeout: seconds; ``None`` waits for ever.
        :return: whether it was taken; false when the time was up.
        :raises OwnerDied: if its owner died and no process has repaired what it guards.
        """
        task = task_number()
        return bool(
            await until(lambda: self._acquire_as(task) or BUSY, self._observe, patience(block, timeout)) is True
        )


class AwaitableEvent:
    """An event's."""

    __slots__ = ()

    async def wait_async(self: Any, timeout: float | None = None) -> bool:
        """Wait for the flag, in a task of an event loop: `wait`, awaited.

        :param timeout: seconds; ``None`` waits for ever.
        :return: whether it was raised; false when the time was up.
        """
        sets = self._sets()
        result = await until(lambda: self._passed(sets) or BUSY, self._observe, checked_timeout(timeout), one=False)
        return result is True


async def _acquire(primitive: _Acquired, timeout: float | None) -> bool:
    return await until(lambda: primitive.acquire(False) or BUSY, primitive._observe, timeout) is True
