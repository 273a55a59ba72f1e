"""What `Condition` offers to tasks of an event loop.

A wait has an entry in the condition, as a thread's has. It ends in one of two ways, both with the lock held: it
consumes its notification, or it leaves, and then a notification that it has got passes on. So a cancelled wait takes
the lock again, which cannot be cancelled, and passes its notification on; then it raises.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from processing_core.annotations import Any, TypeVar
from processing_core.lowlevel import BUSY, Observer, checked_timeout, shielded, task_number, until
from processing_core.lowlevel import RLock as KernelRLock
from processing_sync._awaitable import AwaitableContext

__all__ = ["AwaitableCondition"]

T = TypeVar("T")

_LOOK = object()
"""What a wait ends with that is to look at something else."""


class AwaitableCondition(AwaitableContext):
    """A condition's."""

    __slots__ = ()

    async def acquire_async(self: Any, block: bool = True, timeout: float | None = None) -> bool:
        """Take the lock, in a task of an event loop: the lock's ``acquire_async``.

        :param block: whether to wait.
        :param timeout: seconds; ``None`` waits for ever.
        :return: whether it was taken; false when the time was up.
        """
        return await self._lock.acquire_async(block, timeout)  # type: ignore[no-any-return]

    async def wait_async(self: Any, timeout: float | None = None) -> bool:
        """Let the lock go, wait for a notification, and take the lock again: `wait`, awaited in a task.

        A cancelled wait has the lock again before it raises, and has lost no notification.

        :param timeout: seconds; ``None`` waits for ever.
        :return: whether it was notified; false when the time was up.
        :raises NotHeldError: if the task does not hold the lock.
        :raises OwnerDied: if the lock's owner died and no process has repaired what it guards; then it is not held.
        """
        return await self._wait_in_task(checked_timeout(timeout))  # type: ignore[no-any-return]

    async def wait_for_async(self: Any, predicate: Callable[[], T], timeout: float | None = None) -> T:
        """Wait until ``predicate()`` is true: `wait_for`, awaited in a task.

        :param predicate: is called with the lock held.
        :param timeout: seconds; ``None`` waits for ever.
        :return: what the predicate returned last, which is false only if the time was up.
        :raises NotHeldError: if the task does not hold the lock.
        :raises OwnerDied: if the lock's owner died.
        """
        seconds = checked_timeout(timeout)
        deadline = None if seconds is None else time.monotonic() + seconds
        result = predicate()
        while not result:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                break
            await self.wait_async(left)
            result = predicate()
        return result

    async def __aexit__(
        self: Any, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not GeneratorExit or self._lock._is_owned():  # else the coroutine was dropped while it waited
            self.release()

    async def _wait_in_task(self: Any, timeout: float | None, look: Callable[[], bool] | None = None) -> bool:
        """As `wait_async`.

        :param look: whether the wait shall end without a notification; called whenever a process has died.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        waiter = self._wait_begin()
        try:
            while True:
                left = None if deadline is None else deadline - time.monotonic()
                came = await _sleep(self, waiter, left, look)
                if came is _LOOK and look is None:
                    continue  # the lock's owner died, and what it guards is repaired already
                ended: bool | None = self._wait_end(waiter, came is True)
                if ended is not None:
                    waiter = 0
                    return ended
        finally:
            if waiter:
                self._wait_abandon(waiter)


async def _sleep(condition: Any, waiter: int, left: float | None, look: Callable[[], bool] | None) -> object:
    """Release the lock, wait, and take the lock again, whatever happens: what the wait ended with."""
    lock, state = condition._lock, [False]

    def observe(observer: Observer) -> int:
        state[0] = condition._wait_observe(waiter, observer)
        return waiter

    def attempt() -> Any:
        if state[0]:
            return True
        return _LOOK if lock._abandoned() or (look is not None and look()) else BUSY

    task = task_number()
    depth = lock._release_all()
    try:
        return await until(attempt, observe, left)
    finally:
        await _take_again(lock, task, depth)


async def _take_again(lock: Any, task: int, depth: int) -> None:
    """Take the lock as before; a cancellation meanwhile is raised afterwards."""
    owned_by_task = isinstance(lock, KernelRLock)

    def attempt() -> Any:
        return (lock._acquire_as(task) if owned_by_task else lock.acquire(False)) or BUSY

    _, cancelled = await shielded(attempt, lock._observe)
    if owned_by_task:
        lock._restore(depth)
    if cancelled is not None:
        raise cancelled
