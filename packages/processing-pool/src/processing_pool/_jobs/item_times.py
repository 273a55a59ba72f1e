"""How long the items of earlier maps took, by their function: so a further map need not begin with items one by one."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType

from processing_core.annotations import Any

__all__ = ["ItemTimes"]

TYPES = (FunctionType, BuiltinFunctionType, type)
"""Of functions that are remembered; comparing others could run code of the program."""

ENOUGH = 10_000
"""Items whose time counts as much as what was known before."""


class ItemTimes:
    """Seconds that an item of the latest maps took one worker, by function; what the messages cost counts, too.

    The time of a map is an upper bound of what its items took. So a shorter one replaces what is known; a longer one
    counts by how many items it had, because of a few items nearly all of the time is that of the messages. A function
    that the program drops is forgotten. Every change is one operation on a dictionary, so no lock guards it.
    """

    def __init__(self) -> None:
        self._seconds: weakref.WeakKeyDictionary[Any, float] = weakref.WeakKeyDictionary()

    def of(self, function: Callable[..., Any]) -> float | None:
        """Seconds; ``None`` if no map of this function has ended yet."""
        inner = _innermost(function)
        return self._seconds.get(inner) if type(inner) in TYPES else None

    def remember(self, function: Callable[..., Any], seconds: float, n: int) -> None:
        """Note what each of ``n`` items took in a map that has ended."""
        inner = _innermost(function)
        if type(inner) in TYPES:
            known = self._seconds.get(inner, seconds)
            self._seconds[inner] = min(seconds, known + (seconds - known) * n / (n + ENOUGH))


def _innermost(function: Any) -> Any:
    """The function itself, of one with arguments or an object bound to it."""
    while isinstance(function, partial | MethodType):
        function = function.func if isinstance(function, partial) else function.__func__
    return function
