"""What the packages above await: an operation that does not wait, tried until it succeeds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from processing_core._event_loop.current import checkpoint, current_waiter, in_trio
from processing_core._loaded import loaded
from processing_core._platform import READABLE
from processing_core.annotations import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from processing_core._event_loop.waiter import LoopWaiter
    from processing_core._kernel import Observer

__all__ = ["BUSY", "shielded", "until", "until_ready"]

BUSY: Any = type("Busy", (), {"__repr__": lambda self: "BUSY", "__slots__": ()})()
"""What an attempt returns if it would have to wait."""


async def until(
    attempt: Callable[[], Any],
    observe: Callable[[Observer], int],
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


async def shielded(attempt: Callable[[], Any], observe: Callable[[Observer], int]) -> Any:
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


def _is_cancellation(error: BaseException) -> bool:
    asyncio = loaded("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


async def _tried_again(
    attempt: Callable[[], Any], watch: Callable[[LoopWaiter], int], timeout: float | None, one: bool
) -> Any:
    deadline = None if timeout is None else time.monotonic() + timeout
    waiter = current_waiter()
    wait = waiter.new_wait(one)
    key = watch(waiter)
    waiter.add(key, wait)
    try:
        while (result := attempt()) is BUSY:
            wait.told = False
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return BUSY
            await waiter.sleep(wait, waiter.most(left))
            if (result := attempt()) is not BUSY:
                break
            now = watch(waiter)
            if now != key:  # a descriptor was replaced by another one
                waiter.remove(key, wait)
                waiter.add(now, wait)
                key = now
        wait.told = True  # there may be more
        return result
    finally:
        waiter.remove(key, wait)
