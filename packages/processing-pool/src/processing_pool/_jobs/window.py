"""How much of a job is under way at a time.

A job begins with two messages a worker.  As long as half a window is done in a few milliseconds, it grows: so tiny
tasks are sent by the thousand, and large or long tasks neither fill the arena nor wait behind a batch.  If the pool
knows how long the function's items took before, the first messages have as many as are done in such a time; should
these take longer, what waits behind one is given to idle workers (`processing_pool._supervision.monitor`).
"""

from __future__ import annotations

import time

__all__ = ["Window"]

HALF_WINDOW_TIME = 0.005
"""Seconds: half a window that takes longer is large enough."""
LARGEST_WINDOW = 1024
"""Messages under way, at the most."""
LARGEST_CHUNK = 4096
"""Items a message, at the most, where the size is left to us; from there on a message costs nothing beside them."""
SHORTEST_MESSAGE = 100e-6
"""Seconds that the items of a message should take at the least: less is not worth a message."""
LARGEST_GROWTH = 16
"""How many times as many items a message may have as the one before."""


class Window:
    """The window (messages under way) and the chunk (items a message) of one job.

    :param workers: how many there are.
    :param chunk: items a message; ``None`` adapts it.
    :param target_time: seconds that half a window should take.
    :param grain: items of the first messages, if the size is left to us.
    :param item_time: seconds that one item is expected to take; ``None`` if it is not known.
    :param total: how many items the job has, if that is known.
    """

    def __init__(
        self,
        workers: int,
        chunk: int | None,
        largest_window: int = LARGEST_WINDOW,
        target_time: float = HALF_WINDOW_TIME,
        grain: int = 1,
        item_time: float | None = None,
        total: int = 0,
    ) -> None:
        self.messages = 2 * workers
        self._smallest = 1
        if chunk is None and item_time is not None and total > self.messages:
            grain = max(grain, min(LARGEST_CHUNK, int(target_time / max(item_time, 1e-9))))
            self._smallest = max(1, min(grain, int(SHORTEST_MESSAGE / max(item_time, 1e-9)), -(-total // workers)))
        self.chunk = chunk or grain
        self._target_time = target_time
        self._workers = workers
        self._is_adaptive = chunk is None
        self._largest_window = largest_window
        self._last = time.monotonic()

    @property
    def items(self) -> int:
        """Items under way, at the most."""
        return self.messages * self.chunk

    def adapt(self) -> None:
        """Half a window is done: see how long it took."""
        now = time.monotonic()
        taken = now - self._last
        if taken < self._target_time:
            if self._is_adaptive:
                leap = max(2, min(LARGEST_GROWTH, int(self._target_time / max(taken, 1e-6))))
                self.chunk = min(LARGEST_CHUNK, self.chunk * leap)
            elif self.messages < self._largest_window:
                self.messages *= 2
        self._last = now

    def widen(self, workers: int) -> None:
        """There are that many workers now: each has its share of a window; a wide one stays so."""
        self._workers = workers
        self.messages = max(self.messages, 2 * workers)

    def send_singly(self) -> None:
        """From now on a message has one item, and the window is a small one."""
        self.messages, self.chunk, self._is_adaptive = 2 * self._workers, 1, False

    def next_chunk(self, left: int) -> int:
        """Items of the next message; near the end every worker gets its share.

        :param left: the items that are not sent yet.
        """
        if not self._is_adaptive:
            return self.chunk
        return max(1, min(self.chunk, left, max(left // (2 * self._workers), self._smallest)))
