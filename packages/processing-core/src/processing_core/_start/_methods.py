"""The names of the start methods of this platform."""

from __future__ import annotations

import sys

__all__ = ["DEFAULT", "METHODS", "check"]

if sys.platform == "win32":
    METHODS: tuple[str, ...] = ("spawn",)
    DEFAULT = "spawn"
elif sys.platform == "darwin":  # a forkserver sends its children's sentinels, and a kqueue cannot be sent
    METHODS = ("spawn", "fork")
    DEFAULT = "spawn"
else:
    METHODS = ("fork", "spawn", "forkserver")
    DEFAULT = "forkserver"


def check(name: str) -> str:
    """``name``, if it is that of a start method.

    :raises ValueError: if it is not.
    """
    if name not in METHODS:
        raise ValueError(f"cannot find context for {name!r}: use one of {', '.join(METHODS)}")
    return name
