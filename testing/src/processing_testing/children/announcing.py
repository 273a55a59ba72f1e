"""A task for programs that a test interrupts; it imports little, because tests start many of these programs."""

from __future__ import annotations

import os
import time


def sleep(seconds: float) -> None:
    """Print that a task has begun, and sleep."""
    os.write(1, b"ready\n")
    time.sleep(seconds)
