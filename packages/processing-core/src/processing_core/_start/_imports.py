"""Imports that a thread is in the midst of as another thread forks.

Each module has a lock of the interpreter's while it is imported. In a forked child the lock of a module that another
thread was importing is held for ever, by a thread that does not exist, and whatever imports the module there hangs.
"""

from __future__ import annotations

import _thread
import importlib

from processing_core.annotations import Any

__all__ = ["abandon_imports", "imports_under_way"]


def imports_under_way(of_caller: bool = False) -> set[str]:
    """The modules that other threads of this process, or the caller's too, are importing."""
    return {name for name, lock in _held() if of_caller or lock.owner != _thread.get_ident()}


def abandon_imports() -> None:
    """In a forked child: free the locks of modules that a thread of the parent was importing.

    Such a module stays as it is: what imports it gets what there is of it. It may be the program itself, which must not
    run again here.
    """
    for name, lock in _held():
        if lock.owner != _thread.get_ident():
            _locks().pop(name, None)


def _locks() -> dict[str, Any]:
    """The interpreter's own table, of weak references: there is no other way to find the locks."""
    found: dict[str, Any] = getattr(importlib._bootstrap, "_module_locks", {})
    return found


def _held() -> list[tuple[str, Any]]:
    locks = [(name, reference()) for name, reference in list(_locks().items())]
    return [(name, lock) for name, lock in locks if getattr(lock, "owner", None) is not None]
