"""A task for programs that are interrupted at their work; imports next to nothing, for many programs are started."""

from __future__ import annotations

import os
import time


def sleep(seconds: float) -> None:
    """Say on stdout that a task is under way, and sleep."""
    os.write(1, b"ready\n")
    time.sleep(seconds)
