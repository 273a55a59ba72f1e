"""A module for a forkserver to preload: at SIGUSR1 the forkserver closes its descriptors, but does not end yet."""

from __future__ import annotations

import os
import signal
from types import FrameType


def _die_slowly(signum: int, frame: FrameType | None) -> None:
    fifo = os.environ["DYING_FIFO"]
    os.closerange(3, 1 << 10)
    os.close(os.open(fifo, os.O_WRONLY))  # tells the test
    while True:
        signal.pause()


signal.signal(signal.SIGUSR1, _die_slowly)
