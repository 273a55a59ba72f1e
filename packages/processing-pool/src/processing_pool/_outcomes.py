"""The errors of tasks that failed, and how messages name tasks."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from functools import partial

from processing_core import RemoteTraceback
from processing_core.annotations import Any
from processing_core.lowlevel import OWN, caused_by, signal_name, text_of
from processing_pool._errors import MemoryExceeded, TaskCancelled, TaskTimeout, WorkerDied
from processing_pool._messages import Death, Failed, error_of, unpickling_failed

__all__ = ["described", "ending", "failed", "name_of", "plain_text", "raised_by_iterator"]

LONGEST_ARGUMENTS = 200


def failed(ok: bool, value: Any, describe: Callable[[], str]) -> Failed:
    """What a row says that brought no result.

    :param describe: names the task, if its name is needed.
    """
    if not ok:
        error = unpickling_failed(value, f"the result of {describe()}, which did not unpickle")
        # As text: its frames lead to those of the thread that waits, whose variables would be kept.
        caused_by(error, RemoteTraceback(text_of(value)))
        return Failed(error)
    if type(value) is Death:
        return Failed(ended(describe(), value))
    return Failed(error_of(value))


def ended(task: str, death: Death) -> Exception:
    """The error of a task whose worker ended."""
    pid, exitcode, why = death
    match why:
        case ("timed out", seconds):
            return TaskTimeout(f"{task} ran longer than {seconds:g} s, and was stopped", task, seconds, pid)
        case ("too large", used, limit):
            what = f"had {used:,} bytes of resident memory, more than the {limit:,} it may, and was killed"
            return MemoryExceeded(f"{task}: its worker, process {pid}, {what}", task, pid, exitcode, used, limit)
        case ("cancelled",):
            return TaskCancelled(f"{task} was cancelled")
    hint = "; the system's out-of-memory killer was at work at that time" if why else ""
    return WorkerDied(f"{task}: its worker, process {pid}, {ending(exitcode)}{hint}", task, pid, exitcode)


def ending(exitcode: int | None) -> str:
    """How a process ended, in words."""
    if exitcode is None:
        return "ended in an unknown way"
    if exitcode >= 0:
        return f"exited with code {exitcode}"
    return f"was killed by {signal_name(-exitcode) or f'signal {-exitcode}'}"


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = 60
        self.maxlevel = 3

    def repr_instance(self, x: object, level: int) -> str:
        try:
            return super().repr_instance(x, level)
        except OWN:  # not even a name
            return f"<{type(x).__name__}>"


_short = _Short().repr


def described(function: object, args: Any, kwds: dict[str, Any]) -> str:
    """A task by its function's name and its arguments, shortened."""
    try:
        parts = [_short(arg) for arg in tuple(args)[:8]] + [f"{name}={_short(arg)}" for name, arg in kwds.items()]
        text = ", ".join(parts)
    except OWN:
        text = "..."
    if len(text) > LONGEST_ARGUMENTS:
        text = text[: LONGEST_ARGUMENTS - 3] + "..."
    return f"{name_of(function)}({text})"


def name_of(function: object) -> str:
    """A function's name; of a partial function, that of what it calls."""
    while type(function) is partial:
        function = function.func
    name = getattr(function, "__qualname__", None)
    return name if isinstance(name, str) else _short(function)


def plain_text(text: str) -> str:
    """The text as the kernel takes it."""
    return text.encode(errors="replace").decode().replace("\0", "?")


def raised_by_iterator(error: BaseException) -> BaseException:
    """What an iterator raises for a task's error: `RuntimeError` for one that would end it, as generators do."""
    if not isinstance(error, (StopIteration, StopAsyncIteration)):
        return error
    end = RuntimeError(f"a task raised {type(error).__name__}")
    end.__cause__ = error
    return end
