"""Changes of libraries that bring a process pool of their own, while this package replaces ``multiprocessing``.

loky, which joblib contains, starts its workers as commands, in which nothing is replaced: its executors, and joblib's
backend of that name, are this package's instead.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

from processing_core.annotations import Any

__all__ = ["ADAPTED"]


def adapt_joblib(module: ModuleType) -> Callable[[], None]:
    """Let joblib's default backend be this package's."""
    from processing.contrib.joblib import ProcessingBackend

    backends: dict[str, Any] = vars(module)["BACKENDS"]
    return _changed(backends, dict.fromkeys(("loky", "processing"), ProcessingBackend))


def adapt_loky(module: ModuleType) -> Callable[[], None]:
    """Let loky's executors, and the errors that its programs catch, be this package's."""
    from processing.contrib import _loky

    undo = [_changed(vars(sys.modules[name]), new) for name, new in _loky.names().items() if name in sys.modules]

    def undo_all() -> None:
        for one in undo:
            one()

    return undo_all


ADAPTED = {"joblib.parallel": adapt_joblib, "loky": adapt_loky}
"""By the module's name: what is called with the module, and returns what undoes the changes."""


def _changed(names: dict[str, Any], changes: dict[str, Any]) -> Callable[[], None]:
    before = {name: names[name] for name in changes if name in names}
    names.update(changes)

    def undo() -> None:
        for name in changes:
            del names[name]
        names.update(before)

    return undo
