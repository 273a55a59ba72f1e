"""The public names of a package, whose classes report it as their module; some are imported on demand (PEP 562)."""

from __future__ import annotations

import sys
from importlib import import_module
from types import FunctionType

from processing_core._context import register_loader
from processing_core._fds.descriptors import limit_named
from processing_core.annotations import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

__all__ = ["claim", "on_demand"]


def on_demand(package: dict[str, Any], homes: Mapping[str, str]) -> Callable[[str], object]:
    """The ``__getattr__`` of a package that imports what few programs need when it is asked for.

    A context that has no attribute of such a name imports the module too, because it may register one.

    :param package: the package's ``globals()``; its classes report it as their ``__module__``.
    :param homes: each such name, and the module of the package that defines it.
    """
    name_of_package = package["__name__"]

    def load(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {name_of_package!r} has no attribute {name!r}")
        with limit_named():
            value = package[name] = getattr(import_module(f"{name_of_package}.{homes[name]}"), name)
        if isinstance(value, (type, FunctionType)) and value.__module__.startswith(name_of_package):
            value.__module__ = name_of_package
        return value

    register_loader(load, homes)
    return load


def claim(module: str, names: Iterable[str], home: str | None = None) -> None:
    """Let the classes and functions of a module report where programs import them from.

    :param module: the module that has imported them.  They are taken as its attributes, not from its ``globals()``,
        where a name that is imported lazily (PEP 810) is not loaded yet.
    :param names: those that are there already.
    :param home: what they report; by default the module.
    """
    found = sys.modules[module]
    for name in names:
        if name in vars(found):
            getattr(found, name).__module__ = home or module
