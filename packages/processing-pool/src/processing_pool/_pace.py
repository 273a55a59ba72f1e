"""How much of a job is under way at a time.

A job begins with two messages a worker.  As long as half a window is done in a few milliseconds, it grows: so tiny
tasks travel by the thousand, and large or long ones never pile up in the arena or wait behind a batch.
"""

from __future__ import annotations

import time

__all__ = ["Pace"]

QUICK = 0.005
"""Seconds: half a window that takes longer is large enough."""
LARGEST_WINDOW = 1024
"""Messages under way, at the most."""
LARGEST_CHUNK = 4096
"""Items a message, at the most, where the size is left to us; from there on a message costs nothing beside them."""
LEAP = 16
"""How many times as many items a message may have as the one before."""


class Pace:
    """The window (messages under way) and the chunk (items a message) of one job.

    :param workers: how many there are.
    :param chunk: items a message; ``None`` adapts it.
    """

    def __init__(self, workers: int, chunk: int | None, largest_window: int = LARGEST_WINDOW) -> None:
        self.window = 2 * workers
        self.chunk = chunk or 1
        self._workers = workers
        self._adapts = chunk is None
        self._largest_window = largest_window
        self._last = time.monotonic()

    @property
    def items(self) -> int:
        """Items under way, at the most."""
        return self.window * self.chunk

    def quicken(self) -> None:
        """Half a window is done: see how long it took."""
        now = time.monotonic()
        taken = now - self._last
        if taken < QUICK:
            if self._adapts:
                leap = max(2, min(LEAP, int(QUICK / max(taken, 1e-6))))
                self.chunk = min(LARGEST_CHUNK, self.chunk * leap)
            elif self.window < self._largest_window:
                self.window *= 2
        self._last = now

    def send_singly(self) -> None:
        """From now on a message has one item, and the window is a small one."""
        self.window, self.chunk, self._adapts = 2 * self._workers, 1, False

    def next_chunk(self, left: int) -> int:
        """Items of the next message, when so many are left: near the end every worker gets its share."""
        return max(1, min(self.chunk, left // (2 * self._workers))) if self._adapts else self.chunk
