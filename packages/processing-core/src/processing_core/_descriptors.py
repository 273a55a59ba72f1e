"""File descriptors that have an owner, and waiting for one."""

import os
import select
import time
from collections.abc import Callable

__all__ = ["Descriptor", "readable"]


class Descriptor:
    """A file descriptor that is closed when its owner drops it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        """The number; -1 once closed."""
        return self._fd

    def detach(self) -> int:
        """The number, which is the caller's to close from now on."""
        fd, self._fd = self._fd, -1
        return fd

    def close(self) -> None:
        """Close it; a second call does nothing."""
        fd = self.detach()
        if fd >= 0:
            os.close(fd)

    def __del__(self, _close: Callable[[int], None] = os.close) -> None:
        if self._fd >= 0:
            _close(self._fd)


def readable(fd: int, timeout: float | None) -> bool:
    """Wait until ``fd`` has something to read or has hung up.

    Blocks; signal handlers run.

    :param timeout: seconds; ``None`` waits for ever.
    """
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    if timeout is None:
        return bool(poller.poll())
    deadline = time.monotonic() + timeout
    while True:
        left = max(0.0, deadline - time.monotonic())
        # Rounded up, lest the last millisecond be spent spinning.
        if poller.poll(min(left * 1000 + 0.999, 1e9)):
            return True
        if left == 0.0:
            return False
