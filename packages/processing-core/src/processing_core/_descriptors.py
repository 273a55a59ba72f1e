"""File descriptors that have an owner, and waiting for some."""

from __future__ import annotations

import os
import select
import struct
import time
from collections.abc import Callable

__all__ = ["Deposits", "Descriptor", "Lent", "polled", "readable", "timeval"]


class Descriptor:
    """A file descriptor that is closed when its owner drops it.

    Where it is unpickled, a copy of it arrives; each pickle is good for one.
    """

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

    def __reduce__(self) -> tuple[Callable[..., Descriptor], tuple[object, ...]]:
        from processing_core import _broker, _luggage  # here, for most programs need not import `socket`

        number = _luggage.put_in(self._fd)
        if number is not None:
            return _luggage.take_out, (number,)
        return _broker.fetch, _broker.deposit(self._fd)


class Lent:
    """A descriptor of somebody's, in his pickle, where it becomes a `Descriptor`.

    A copy would stay open as long as a failed pickling is remembered by its traceback.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def detach(self) -> int:
        """A copy of it: to ``copy.copy`` it is that of the original."""
        return os.dup(self._fd)

    def __reduce__(self) -> tuple[Callable[..., Descriptor], tuple[object, ...]]:
        descriptor = Descriptor(self._fd)
        try:
            return descriptor.__reduce__()
        finally:
            descriptor.detach()


class Deposits:
    """How many descriptors were deposited for others to fetch; changed with forks kept out."""

    made = 0


def readable(fd: int, timeout: float | None) -> bool:
    """Wait until ``fd`` has something to read or has hung up.

    Blocks; signal handlers run.

    :param timeout: seconds; ``None`` waits for ever.
    """
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    return bool(polled(poller, timeout))


def polled(poller: select.poll, timeout: float | None) -> list[tuple[int, int]]:
    """Wait until something happens at what is registered with ``poller``.

    Blocks; signal handlers run.

    :param timeout: seconds; ``None`` waits for ever.
    :return: (descriptor, events); empty if the time was up.
    """
    if timeout is None:
        return poller.poll()
    if timeout <= 0:
        return poller.poll(0)
    deadline = time.monotonic() + timeout
    while True:
        left = max(0.0, deadline - time.monotonic())
        # Rounded up, lest the last millisecond be spent spinning.
        if (ready := poller.poll(min(left * 1000 + 0.999, 1e9))) or left == 0.0:
            return ready


def timeval(seconds: int) -> bytes:
    """A time as socket options take it (``SO_RCVTIMEO``, socket(7))."""
    return struct.pack("@ll", seconds, 0)
