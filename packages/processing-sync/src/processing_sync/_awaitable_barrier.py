"""What `Barrier` offers to tasks of an event loop: the steps of `_barrier`, with the condition's awaitable wait."""

from __future__ import annotations

import time

from processing_core import OwnerDied
from processing_core.annotations import Any
from processing_core.lowlevel import checked_timeout

__all__ = ["AwaitableBarrier"]


class AwaitableBarrier:
    """A barrier's."""

    async def wait_async(self: Any, timeout: float | None = None) -> int:
        """Wait until all parties have come: `wait`, awaited in a task of an event loop.

        A cancelled wait leaves the barrier as a party that was interrupted: the others go on waiting.  The action is
        called in the event loop, and must not wait.

        :param timeout: seconds; ``None`` for the barrier's own timeout. When they are over, the barrier is broken.
        :return: a number from 0 to ``parties`` - 1, another for each party.
        :raises threading.BrokenBarrierError: if the barrier is broken, or is broken or reset meanwhile.
        """
        timeout = checked_timeout(self._timeout if timeout is None else timeout)
        while True:
            entered = False
            try:
                await self._lock.acquire_async()
                try:
                    entered = True
                    return await self._wait_in_turn_async(timeout)  # type: ignore[no-any-return]
                finally:
                    self._lock._release_owned()
            except OwnerDied:
                if entered:  # it is of another lock, in the action
                    raise
            self._repair()

    # -- with the lock held --

    async def _wait_in_turn_async(self: Any, timeout: float | None) -> int:
        while self._is_emptying():
            await self._pause_async(None)
        place, index = self._arrive()
        try:
            if index + 1 == self.parties:
                self._complete()
            else:
                await self._await_others_async(None if timeout is None else time.monotonic() + timeout)
        finally:
            self._go(place)
        return int(index)

    async def _await_others_async(self: Any, deadline: float | None) -> None:
        while self._is_gathering():
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                self._break()
            else:
                await self._pause_async(left)
        self._require_leaving()

    async def _pause_async(self: Any, left: float | None) -> None:
        try:
            await self._condition._wait_in_task(left, self._someone_died)
        except OwnerDied:  # and then the lock is not held
            await self._acquire_async()
        self._bury()

    async def _acquire_async(self: Any) -> None:
        while True:
            try:
                await self._lock.acquire_async()
                return
            except OwnerDied:
                self._repair()
