"""What a worker prints: whole lines, each with the worker's name."""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from processing_core import OwnerDied, current_process
from processing_core.annotations import Any
from processing_core.lowlevel import ThreadRLock, at_exit
from processing_sync import Lock

__all__ = ["prefix_output"]


_AT_ONCE = getattr(select, "PIPE_BUF", 0)
"""Bytes that the system writes into a pipe in one piece; none where it promises nothing."""


class PrefixedLines(io.RawIOBase):
    """Writes whole lines with a prefix to a descriptor.

    What cannot be written at once may come between the lines of another process, so such writes are made one after
    another, under the lock.

    :param lock: guards long writes, in all workers of a pool.
    """

    def __init__(self, fd: int, prefix: str, lock: Lock) -> None:
        super().__init__()
        self._fd = fd
        self._prefix = prefix.encode()
        self._lock = lock
        self._rest = b""  # a line that has no end yet
        self._guard = ThreadRLock()  # guards it

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return os.isatty(self._fd)

    def fileno(self) -> int:
        return self._fd

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        with self._guard:
            text = self._rest + bytes(data)
            lines = text.split(b"\n")
            self._rest = lines.pop()
            if lines:
                self._write_all(b"".join(self._prefix + line + b"\n" for line in lines))
        return len(data)

    def end_line(self) -> None:
        """Write what has no end yet."""
        if self._rest:
            self.write(b"\n")

    def _write_all(self, data: bytes) -> None:
        if len(data) <= _AT_ONCE:
            _write(self._fd, data)
        else:
            with _held(self._lock):
                _write(self._fd, data)


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


@contextmanager
def _held(lock: Lock) -> Iterator[None]:
    try:
        lock.acquire()
    except OwnerDied:  # its line has no end
        with lock.recover():
            yield
        return
    try:
        yield
    finally:
        lock.release()


def prefix_output(lock: Lock) -> None:
    """From now on this worker's lines have its name."""
    prefix = f"[{current_process().name}] "
    for name in ("stdout", "stderr"):
        original = getattr(sys, name)
        try:
            original.flush()
            raw = PrefixedLines(original.fileno(), prefix, lock)
        except (AttributeError, OSError, ValueError):
            continue  # it is closed, or an object of the program's without a descriptor
        buffer: Any = io.BufferedWriter(raw)  # type: ignore[type-var, unused-ignore]
        text = io.TextIOWrapper(buffer, original.encoding, original.errors, line_buffering=True)
        setattr(sys, name, text)
        at_exit(partial(_end, text, raw), priority=-1)


def _end(text: io.TextIOWrapper, raw: PrefixedLines) -> None:
    try:
        text.flush()
        raw.end_line()
    except (OSError, ValueError):
        pass  # no process reads it any more, or the program has closed it
