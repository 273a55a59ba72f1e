"""What a program may choose about how its processes are started."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from processing_core.annotations import Literal

__all__ = [
    "child_setup",
    "executable",
    "needed",
    "own_modules",
    "preload",
    "preload_own",
    "set_child_setup",
    "set_executable",
    "set_forkserver_preload",
]


class _State:
    def __init__(self) -> None:
        self.executable: str | None = None
        self.preload: tuple[tuple[str, ...], str] = (), "ignore"
        self.child_setup: tuple[str, str, object] | None = None
        self.own: dict[str, bool] = {}  # modules of ours, and whether a server without them is to be replaced


_state = _State()


def set_executable(executable: str | bytes | os.PathLike[str] | os.PathLike[bytes] | None) -> None:
    """Set the interpreter that ``spawn`` and ``forkserver`` start; ``None`` for none, which is ``sys.executable``.

    Does not block.  A forkserver that runs already stays as it is.

    :param executable: its path; it must be able to import this package.
    """
    _state.executable = None if executable is None else os.fsdecode(executable)


def set_forkserver_preload(
    module_names: Iterable[str], *, on_error: Literal["ignore", "warn", "fail"] = "ignore"
) -> None:
    """Let the forkserver import modules, so that its children need not.

    Does not block; call it before the first process is started.

    :param module_names: their full names. With ``"__main__"`` among them the server runs the body of the main module,
        once, and the children have in common what it made; else each child runs the body itself.  What it raises ends
        the children, whatever ``on_error`` says.
    :param on_error: what the server does with a module that it cannot import: leave it to the children to import or
        not; ``"warn"``: the same, and show an `ImportWarning`, also where the user chose no filter of warnings;
        ``"fail"``: write the traceback to ``sys.stderr`` and end, so that no process can be started by it.
    :raises TypeError: if the names are not strings.
    :raises ValueError: if ``on_error`` is none of these.
    """
    if on_error not in ("ignore", "warn", "fail"):
        raise ValueError(f"on_error must be 'ignore', 'warn' or 'fail', not {on_error!r}")
    names = tuple(module_names) if not isinstance(module_names, str) else (None,)
    if not all(isinstance(name, str) for name in names):
        raise TypeError("module_names must be a list of strings")
    _state.preload = tuple(str(name) for name in names), on_error


def set_child_setup(module: str, function: str, argument: object) -> None:
    """Let children that are no copies of this process call a function before they load the main module.

    They, and a forkserver, may call it several times.  Their own children call it, too.

    :param argument: what it is called with; plain data, as strings and ``None``.
    """
    _state.child_setup = module, function, argument


def child_setup() -> tuple[str, str, object] | None:
    """The module, the name and the argument of the function that children call before they load the main module."""
    return _state.child_setup


def preload_own(module: str, *, at_once: bool) -> None:
    """Let the next forkserver import a module of ours that its children will need.

    :param at_once: whether one that runs already is replaced: where every child would spend more on importing it.
    """
    _state.own[module] = at_once or _state.own.get(module, False)


def own_modules() -> tuple[str, ...]:
    """The modules of ours that a forkserver imports."""
    return tuple(_state.own.copy())


def needed() -> list[str]:
    """The modules of ours without which a forkserver is replaced."""
    return [module for module, at_once in list(_state.own.items()) if at_once]


def executable() -> str:
    """The interpreter to start."""
    return _state.executable or sys.executable


def preload() -> tuple[tuple[str, ...], str]:
    """The modules that a forkserver imports, and what it does with an error."""
    return _state.preload
