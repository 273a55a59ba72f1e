"""What a program may choose about how its processes are started."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

__all__ = ["executable", "preload", "set_executable", "set_forkserver_preload"]


class _State:
    def __init__(self) -> None:
        self.executable: str | None = None
        self.preload: tuple[str, ...] = ()


_state = _State()


def set_executable(executable: str | bytes | os.PathLike[str] | os.PathLike[bytes] | None) -> None:
    """Set the interpreter that ``spawn`` and ``forkserver`` start; ``None`` for none, which is ``sys.executable``.

    Does not block.  A forkserver that runs already stays as it is.

    :param executable: its path; it must be able to import this package.
    """
    _state.executable = None if executable is None else os.fsdecode(executable)


def set_forkserver_preload(module_names: Iterable[str]) -> None:
    """Let the forkserver import modules, so that its children need not.

    Does not block; call it before the first process is started.  A module that the server cannot import is left to the
    children to import or not.

    :param module_names: their full names.
    :raises TypeError: if they are not strings.
    """
    names = tuple(module_names) if not isinstance(module_names, str) else (None,)
    if not all(isinstance(name, str) for name in names):
        raise TypeError("module_names must be a list of strings")
    _state.preload = tuple(str(name) for name in names)


def executable() -> str:
    """The interpreter to start."""
    return _state.executable or sys.executable


def preload() -> tuple[str, ...]:
    """The modules that a forkserver imports."""
    return _state.preload
