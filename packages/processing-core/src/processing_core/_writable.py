"""Whether a thread of the library may write to a stream of the program's.

A thread that waits within a write holds the stream's lock.  CPython flushes the standard streams at its end: it would
wait for that lock as long as no process reads what was written, which may be for ever.
"""

from __future__ import annotations

import io
import select

from processing_core.annotations import Any

__all__ = ["can_write"]


def can_write(file: Any, *, unknown: bool) -> bool:
    """Whether a line can be written to it without waiting for a process that reads; ``unknown`` if none can tell."""
    try:
        return bool(select.select((), (file.fileno(),), (), 0)[1])
    except (io.UnsupportedOperation, AttributeError):
        return True  # there is no descriptor: it is in memory
    except (OSError, ValueError):
        return unknown
