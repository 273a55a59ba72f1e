"""Modules that the program may have imported, and that this package does not import itself."""

from __future__ import annotations

import sys

from processing_core.annotations import Any

__all__ = ["loaded"]


def loaded(name: str) -> Any:
    """The module of that name, if the program has imported it; else ``None``. Does not block.

    While a thread is importing a module it stands in `sys.modules` already, but names of it are missing. Then it is not
    loaded yet: no code that uses it can have run.
    """
    module = sys.modules.get(name)
    if module is not None and getattr(getattr(module, "__spec__", None), "_initializing", False):
        return None
    return module
