"""Makes `processing` importable as ``multiprocessing``, and its executor under its name in ``concurrent.futures``.

A file ``.pth`` of the run's own environment calls `install` in every interpreter that is started there, so that also
children and scripts that ignore ``PYTHONPATH`` see the other names.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
import weakref
from collections.abc import Sequence
from typing import Any

SWITCH = "PROCESSING_RENAMED"
"""The environment variable without which `install` is not called."""

OLD, NEW = "multiprocessing", "processing"
EXECUTOR = "concurrent.futures.process"

DEFINED = {f"{OLD}.shared_memory": "processing_managers.shared_memory"}
"""Modules of which the tests replace a function: they get the module that defines it, not the facade's."""

TEST_NAMES: dict[str, dict[str, Any]] = {
    f"{NEW}.process": {"_cleanup": bool, "_dangling": weakref.WeakSet()},
    f"{NEW}.util": {"_cleanup_tests": bool},
}
"""Private names that the tests use to clean up between tests; here they have no effect."""


def _begin() -> None:
    """Have the start method that the interpreter's own has until one is set, and the names that the tests need."""
    from processing._replacement import standard_start_method
    from processing_core.lowlevel import set_usual_start_method

    set_usual_start_method(standard_start_method())
    for module, names in TEST_NAMES.items():
        for name, value in names.items():
            vars(importlib.import_module(module)).setdefault(name, value)


class _Loader(importlib.abc.Loader):
    """Gives the module of the new name for the old name."""

    def __init__(self) -> None:
        self._specs: dict[types.ModuleType, importlib.machinery.ModuleSpec | None] = {}

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        if spec.name == EXECUTOR:
            module = executor_module()
        else:
            module = importlib.import_module(DEFINED.get(spec.name) or NEW + spec.name[len(OLD) :])
        self._specs[module] = module.__spec__
        if spec.name == OLD:
            _begin()
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Restore the module's own specification, which the import system has replaced."""
        module.__spec__ = self._specs.pop(module)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds ``multiprocessing`` and its submodules, and the module of the process pool's executor."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname == EXECUTOR or fullname.partition(".")[0] == OLD:
            return importlib.machinery.ModuleSpec(fullname, _Loader())
        return None


def executor_module() -> types.ModuleType:
    """:return: the replacement for ``concurrent.futures.process``: its public names, and those that its tests read."""
    from concurrent.futures import BrokenExecutor

    import processing

    # There is no thread that feeds the queue of calls, and so none to wait for.
    processing.ProcessPoolExecutor._call_queue = types.SimpleNamespace(join_thread=bool)  # type: ignore[attr-defined]

    class BrokenProcessPool(BrokenExecutor):
        """A class for the one of this name in the standard library, whose module is not loaded."""

    BrokenProcessPool.__module__ = EXECUTOR
    names: dict[str, Any] = {
        "ProcessPoolExecutor": processing.ProcessPoolExecutor,
        "BrokenProcessPool": BrokenProcessPool,
        "_RemoteTraceback": processing.RemoteTraceback,
        "_ThreadWakeup": type("_ThreadWakeup", (), {}),  # one test derives from it; the others need the module
        "_check_system_limits": lambda: None,
        "__file__": processing.__file__,
    }
    module = types.ModuleType(EXECUTOR)
    module.__dict__.update(names)
    return module


def install() -> None:
    """Rename, in this process."""
    sys.meta_path.insert(0, _Finder())
