"""What became of a task, and how it is called in messages."""

from __future__ import annotations

import reprlib
from collections.abc import Callable

from processing_core import RemoteTraceback
from processing_core.annotations import Any
from processing_core.lowlevel import Parcel
from processing_pool._errors import ended
from processing_pool._messages import Death, Failure, Unread, as_text, error_of, untaken

__all__ = ["SPECIAL", "Failed", "cell_number", "described", "failed", "name_of"]

SPECIAL = frozenset({Failure, Unread, Death})
"""What may come in place of a result."""

LONGEST = 200


class Failed:
    """Stands in the place of a result that is an exception."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


def failed(ok: bool, value: Any, describe: Callable[[], str]) -> Failed:
    """What a row says that brought no result.

    :param describe: names the task, if its name is needed.
    """
    if not ok:
        error = untaken(value, f"the result of {describe()}, which did not unpickle")
        # As text, for its frames lead to those of who waits, and what stands there would be kept until it is taken.
        error.__cause__ = RemoteTraceback(as_text(value))
        return Failed(error)
    if type(value) is Death:
        return Failed(ended(describe(), value))
    return Failed(error_of(value))


def cell_number(parcel: Parcel) -> int:
    """A parcel's cell as one number: what its pickled handle holds, and what attaches to it."""
    index, generation = parcel.cell
    return generation << 32 | index


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = 60
        self.maxlevel = 3

    def repr_instance(self, x: object, level: int) -> str:
        try:
            return super().repr_instance(x, level)
        except Exception:  # not even a name
            return f"<{type(x).__name__}>"


_short = _Short().repr


def described(function: object, args: Any, kwds: dict[str, Any]) -> str:
    """A task by its function's name and its arguments, shortened."""
    try:
        parts = [_short(arg) for arg in tuple(args)[:8]] + [f"{name}={_short(arg)}" for name, arg in kwds.items()]
        text = ", ".join(parts)
    except Exception:
        text = "..."
    if len(text) > LONGEST:
        text = text[: LONGEST - 3] + "..."
    return f"{name_of(function)}({text})"


def name_of(function: object) -> str:
    """A function's name."""
    name = getattr(function, "__qualname__", None)
    return name if isinstance(name, str) else _short(function)
