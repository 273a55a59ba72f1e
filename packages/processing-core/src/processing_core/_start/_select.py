"""The start methods of this platform, the default first."""

from __future__ import annotations

import importlib
import sys
from functools import cache

from processing_core.annotations import TYPE_CHECKING

if TYPE_CHECKING:
    from processing_core._start._protocol import StartMethod

__all__ = ["METHODS", "check", "start_method"]

if sys.platform == "win32":
    METHODS: tuple[str, ...] = ("spawn",)
else:
    METHODS = ("forkserver", "spawn", "fork")


@cache
def start_method(name: str) -> StartMethod:
    """The start method of that name, imported when it is first used.

    :raises ValueError: if this platform has none.
    """
    check(name)
    method: StartMethod = importlib.import_module(f"processing_core._start._{name}").start
    return method


def check(name: str) -> str:
    """``name``, if it is that of a start method.

    :raises ValueError: if it is not.
    """
    if name not in METHODS:
        raise ValueError(f"cannot find context for {name!r}: use one of {', '.join(METHODS)}")
    return name
