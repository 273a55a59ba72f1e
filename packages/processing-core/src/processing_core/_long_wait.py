"""Waits in slices that other processes can see, as they see the kernel's own waits, once they have taken long."""

from __future__ import annotations

import time
from collections.abc import Callable

from processing_core._native import _kernel
from processing_core.annotations import Self

__all__ = ["SLICE", "LongWait", "wait_long"]

SLICE = 0.4
"""Seconds after which a wait is recorded, and between two looks, as the kernel's waits have."""


class LongWait:
    """The record of one wait, which is made at the first look, and gone at the end.

    :param cell: the primitive that it waits for, if any.
    :param deadline: monotonic seconds; ``None`` waits for ever.
    :param member_id: (slot, serial) of the member that it waits for, if any.
    """

    def __init__(
        self,
        cell: tuple[int, int] | None = None,
        deadline: float | None = None,
        member_id: tuple[int, int] | None = None,
    ) -> None:
        self._cell = cell or (0, 0)
        self._deadline = deadline
        self._member_id = member_id or (0, 0)
        self._number: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._number is not None and self._number >= 0:
            _kernel.close_wait(self._number)

    def look(self) -> None:
        """A slice is over."""
        if self._number is None:
            left = -1.0 if self._deadline is None else max(0.0, self._deadline - time.monotonic())
            self._number = _kernel.open_wait(SLICE, *self._member_id, *self._cell, left)
        elif self._number >= 0:
            _kernel.look_wait(self._number)


def wait_long(
    sleep: Callable[[float], bool], timeout: float | None = None, member_id: tuple[int, int] | None = None
) -> bool:
    """Wait for something, and record where this thread waits if it takes longer than a slice.

    :param sleep: waits for that many seconds; returns whether it is there.
    :param timeout: seconds; ``None`` waits for ever.
    :param member_id: (slot, serial) of the member that it waits for, if it does.
    :return: whether it was there in time.
    """
    if timeout is not None and timeout <= SLICE:
        return sleep(timeout)
    deadline = None if timeout is None else time.monotonic() + timeout
    with LongWait(None, deadline, member_id) as wait:
        while True:
            left = SLICE if deadline is None else min(SLICE, deadline - time.monotonic())
            if sleep(max(0.0, left)):
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False
            wait.look()
