"""What the environment asks for when a family begins: a trace, a watcher for deadlocks."""

from __future__ import annotations

import os
from functools import partial

from processing_core._exit import at_exit

__all__ = ["begin_as_told"]


def begin_as_told() -> None:
    """In the root of a family, as soon as there is one."""
    if "PROCESSING_TRACE" in os.environ or "PROCESSING_TRACE_DIRECTORY" in os.environ:
        from processing_core import tracing

        path = os.environ.get(tracing.TRACE)
        if tracing.DIRECTORY in os.environ:  # another program's, which has started this one
            tracing.begin_member()
        elif path:
            path = os.path.abspath(path)
            tracing.begin(path)
            at_exit(partial(tracing.end, path), priority=-100)
    if os.environ.get("PROCESSING_DEADLOCK"):
        from processing_core._deadlock_watcher import start

        start()
