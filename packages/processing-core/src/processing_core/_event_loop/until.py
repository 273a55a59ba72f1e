"""What the packages above await: an operation that does not wait, tried until it succeeds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from processing_core._event_loop.current import checkpoint, current_waiter, in_trio
from processing_core._event_loop.waiter import LoopWaiter, Wait
from processing_core._native import _kernel
from processing_core._platform import READABLE
from processing_core.annotations import Any

__all__ = ["BUSY", "LoopAlarm", "LoopWatch", "shielded", "until", "until_ready"]

BUSY: Any = type("Busy", (), {"__repr__": lambda self: "BUSY", "__slots__": ()})()
"""What an attempt returns if it would have to wait."""


async def until(
    attempt: Callable[[], Any],
    observe: Callable[[_kernel.Observer], int],
    timeout: float | None = None,
    *,
    one: bool = True,
) -> Any:
    """Try an operation until it succeeds; cancelled, it has done nothing.

    :param attempt: the operation, which does not wait: returns `BUSY` if it would have to.
    :param observe: registers an observer for the change that makes it possible; returns its key.
    :param timeout: seconds; ``None`` waits for ever.
    :param one: whether the change may serve only one wait.
    :return: what the attempt returned; `BUSY` when the time was up.
    """
    if "trio" in sys.modules:
        await checkpoint(False)
    result = attempt()
    if result is BUSY and (timeout is None or timeout > 0):
        return await _tried_again(attempt, lambda waiter: observe(waiter.observer), timeout, one)
    if "trio" in sys.modules:
        await checkpoint(True)
    return result


async def until_ready(
    attempt: Callable[[], Any], fileno: Callable[[], int], timeout: float | None = None, mask: int = READABLE
) -> Any:
    """The same, for an operation that is possible when a descriptor is ready.

    :param fileno: the descriptor, asked for before each sleep.
    :param mask: what of it.
    """
    await checkpoint(False)
    result = attempt()
    if result is BUSY and (timeout is None or timeout > 0):
        return await _tried_again(attempt, lambda waiter: waiter.watch_descriptor(fileno(), mask), timeout, False)
    await checkpoint(True)
    return result


async def shielded(attempt: Callable[[], Any], observe: Callable[[_kernel.Observer], int]) -> Any:
    """The same, but it cannot be cancelled: a cancellation is raised when the operation is done.

    :return: what the attempt returned, and the cancellation, if one came.
    """
    if in_trio():
        with sys.modules["trio"].CancelScope(shield=True):
            return await until(attempt, observe), None
    cancelled = None
    while True:
        try:
            return await until(attempt, observe), cancelled
        except BaseException as error:
            if not _is_cancellation(error):
                raise
            cancelled = error


class LoopWatch:
    """Calls a function in the running loop whenever something has changed.

    :param waiter: the loop's.
    :param observe: registers an observer for the change; returns its key.
    :param changed: is called after each, once for several; also if another process has died.
    """

    def __init__(
        self, waiter: LoopWaiter, observe: Callable[[_kernel.Observer], int], changed: Callable[[], object]
    ) -> None:
        self._waiter = waiter
        self._observe = observe
        self._wait = Wait(one=False)
        self._wait.wake = changed
        self._key: int | None = None

    def again(self) -> None:
        """Be told of the next change; to be called before the look that decides whether to go on waiting."""
        key = self._observe(self._waiter.observer)
        if self._key is None:
            self._key = key
            self._waiter.add(key, self._wait)

    def stop(self) -> None:
        """Call the function no more; a second call does nothing."""
        key, self._key = self._key, None
        if key is not None:
            self._wait.told = False
            self._waiter.remove(key, self._wait)


class LoopAlarm:
    """Wakes tasks of the loop in which it was made, from any thread.

    :raises RuntimeError: if no loop runs.
    """

    def __init__(self) -> None:
        self._waiter = current_waiter()
        self._key = self._waiter.new_key()

    def release(self) -> None:
        """Wake those that await it by `until`, or watch by `LoopWatch`; a finalizer may call it."""
        self._waiter.tell(self._key)

    def observe(self, observer: _kernel.Observer) -> int:
        """The key that is told; nothing needs to be registered."""
        return self._key


def _is_cancellation(error: BaseException) -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


async def _tried_again(
    attempt: Callable[[], Any], watch: Callable[[LoopWaiter], int], timeout: float | None, one: bool
) -> Any:
    deadline = None if timeout is None else time.monotonic() + timeout
    waiter = current_waiter()
    wait = Wait(one)
    key = watch(waiter)
    waiter.add(key, wait)
    try:
        while (result := attempt()) is BUSY:
            wait.told = False
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return BUSY
            await waiter.sleep(wait, waiter.most(left))
            now = watch(waiter)
            if now != key:  # a descriptor was replaced by another one
                waiter.remove(key, wait)
                waiter.add(now, wait)
                key = now
        wait.told = True  # there may be more
        return result
    finally:
        waiter.remove(key, wait)
