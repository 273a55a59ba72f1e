"""Programs whose output nobody reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["buffered", "full_pipe"]


@contextmanager
def full_pipe() -> Iterator[int]:
    """The end for writing of a pipe that takes nothing more."""
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        with suppress(BlockingIOError):
            while True:
                os.write(writing, b"x" * 4096)
        os.set_blocking(writing, True)
        yield writing
    finally:
        os.close(reading)
        os.close(writing)


def buffered(**variables: str) -> dict[str, str]:
    """The environment, with these variables, of a program whose standard streams CPython flushes at its end."""
    return {name: value for name, value in {**os.environ, **variables}.items() if name != "PYTHONUNBUFFERED"}
