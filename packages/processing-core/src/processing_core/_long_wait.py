"""Waits for descriptors that other processes can see, as they see the kernel's own waits, once they have taken long."""

from __future__ import annotations

import time
from collections.abc import Callable

from processing_core._native import _kernel

__all__ = ["SLICE", "wait_long"]

SLICE = 0.4
"""Seconds after which a wait is recorded, and between two looks, as the kernel's waits have."""


def wait_long(
    sleep: Callable[[float], bool], timeout: float | None = None, member_id: tuple[int, int] | None = None
) -> bool:
    """Wait for something, and record where this thread waits if it takes longer than a slice.

    :param sleep: waits for so many seconds; returns whether it is there.
    :param timeout: seconds; ``None`` waits for ever.
    :param member_id: (slot, serial) of the member that it waits for, if it does.
    :return: whether it was there in time.
    """
    if timeout is not None and timeout <= SLICE:
        return sleep(timeout)
    if sleep(SLICE):
        return True
    deadline = None if timeout is None else time.monotonic() + timeout - SLICE
    number = _kernel.open_wait(SLICE, *(member_id or (0, 0)), -1.0 if timeout is None else timeout - SLICE)
    try:
        while True:
            left = SLICE if deadline is None else min(SLICE, deadline - time.monotonic())
            if sleep(max(0.0, left)):
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False
            if number >= 0:
                _kernel.look_wait(number)
    finally:
        if number >= 0:
            _kernel.close_wait(number)
