"""The start methods of this platform, by name."""

from __future__ import annotations

import importlib
import sys
from functools import cache

from processing_core._start._methods import check
from processing_core.annotations import TYPE_CHECKING

if TYPE_CHECKING:
    from processing_core._start._protocol import StartMethod

__all__ = ["prepare", "start_method"]


_MODULES = {"spawn": "ahead"} if sys.platform == "win32" else {}
"""The modules whose names are not those of the start methods: Windows has no forkserver, but a spare for ``spawn``."""


@cache
def start_method(name: str) -> StartMethod:
    """The start method of that name, imported when it is first used.

    :raises ValueError: if this platform has none.
    """
    check(name)
    module = _MODULES.get(name, name)
    method: StartMethod = importlib.import_module(f"processing_core._start._{module}").start
    return method


def prepare(name: str) -> None:
    """Begin what takes long before the first start by a method, and do not wait for it: the forkserver starts.

    :raises OSError: if the system refuses.
    """
    if name == "forkserver":
        from processing_core._start._forkserver import running_server

        running_server()
