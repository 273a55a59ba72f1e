"""Children of a frozen program, which has no interpreter to give a command to: it runs itself.

The program is started with arguments that only `freeze_support` understands.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

__all__ = ["command", "freeze_support", "frozen", "is_child"]

_FLAG = "--processing-child"


def frozen() -> bool:
    """Whether this program is frozen, such as by PyInstaller or cx_Freeze."""
    return bool(getattr(sys, "frozen", False))


def is_child(argv: Sequence[str]) -> bool:
    """Whether these are the arguments of a frozen program's child."""
    return frozen() and argv[1:2] == [_FLAG]


def command(program: str, module: str, arguments: tuple[int, ...]) -> list[str]:
    """The command that calls ``main`` of ``module`` in a fresh run of the program."""
    return [program, _FLAG, module, *map(str, arguments)]


def freeze_support() -> None:
    """Let a frozen program have children; to be called first in the main guard.

    In a process that was started as a child it does not return: it runs the child, and ends.  Otherwise, and in a
    program that is not frozen, it does nothing.

    >>> import processing
    >>> processing.freeze_support()
    """
    if is_child(sys.argv):
        importlib.import_module(sys.argv[2]).main(*map(int, sys.argv[3:]))
        sys.exit(0)
