"""Checks of the numbers that a pool is given: ``__index__`` makes an integer, ``__float__`` seconds."""

from __future__ import annotations

import operator

from processing_core.annotations import Any

__all__ = ["integer", "positive", "real"]


def integer(number: Any, name: str) -> int:
    """The integer.

    :raises TypeError: if it is not an integer.
    """
    try:
        return operator.index(number)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {number!r}") from None


def positive(number: Any, name: str, rule: str | None = None) -> int:
    """The integer.

    :param rule: what the error says before the number.
    :raises TypeError: if it is not an integer.
    :raises ValueError: if it is below 1.
    """
    count = integer(number, name)
    if count < 1:
        raise ValueError(f"{rule or f'{name} must be at least 1'}, not {count}")
    return count


def real(number: Any, name: str) -> float:
    """The number as a float.

    :raises TypeError: if it is not a number.
    """
    if not hasattr(type(number), "__float__") and not hasattr(type(number), "__index__"):
        raise TypeError(f"{name} must be a number, not {number!r}")
    return float(number)
