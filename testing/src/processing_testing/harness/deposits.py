"""What a process keeps of descriptors that it has sent."""

from __future__ import annotations

import sys

__all__ = ["forget_fetched"]


def forget_fetched() -> None:
    """Free what is kept of those that were fetched: on Windows, where no process tells of that, until the next one."""
    if sys.platform == "win32":
        from processing_core._fds import handles

        handles.forget_fetched()
