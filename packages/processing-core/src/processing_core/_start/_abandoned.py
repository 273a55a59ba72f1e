"""What threads of the parent were using as another thread forked: in the child no thread will ever let go of it."""

from __future__ import annotations

import io
import sys

from processing_core._loaded import loaded
from processing_core._start._imports import abandon_imports
from processing_core.annotations import Any

__all__ = ["free_abandoned"]

_LOCKS = {
    "_strptime": "_cache_lock",
    "asyncio.events": "_lock",
    "asyncio.mixins": "_global_lock",
    "sysconfig": "_CONFIG_VARS_LOCK",
    "tempfile": "_once_lock",
    "webbrowser": "_lock",
}
"""The standard library's global locks that the interpreter does not free in a child: all of CPython 3.11 to 3.15."""


def free_abandoned() -> None:
    """In a forked child: free the standard streams, the imports, and the locks of the standard library."""
    _renew_streams()
    abandon_imports()
    for module, name in _LOCKS.items():
        lock = getattr(loaded(module), name, None)
        if lock is not None:
            lock._at_fork_reinit()


def _renew_streams() -> None:
    """Give the standard streams, and those of log handlers, buffers with locks that are free.

    A thread of the parent may have been writing: here the lock of its stream is held for ever. What stood in the buffer
    since the parent has flushed it, before the fork, is the parent's to write.
    """
    streams = [sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__]
    for reference in list(getattr(loaded("logging"), "_handlerList", ())):
        streams.append(getattr(reference(), "stream", None))
    renewed: set[int] = set()
    for stream in streams:
        try:
            buffer: Any = stream.buffer  # type: ignore[union-attr]
            if type(buffer) in _BUFFERS and id(buffer) not in renewed and not buffer.closed:
                renewed.add(id(buffer))
                buffer.__init__(buffer.raw)
        except Exception:
            pass  # there is none, it is detached, or an object of the program's


_BUFFERS = (io.BufferedWriter, io.BufferedRandom)
