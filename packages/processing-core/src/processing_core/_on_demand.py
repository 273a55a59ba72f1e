"""Names of a package whose modules are imported when somebody first asks for them (PEP 562)."""

from __future__ import annotations

from importlib import import_module

from processing_core._context import register_loader
from processing_core.annotations import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

__all__ = ["on_demand"]


def on_demand(package: dict[str, Any], homes: Mapping[str, str]) -> Callable[[str], object]:
    """The ``__getattr__`` of a package that imports what few programs need when it is asked for.

    Asked for what it does not have, a context imports it all, for these modules may register that.

    :param package: the package's ``globals()``; its classes report it as their ``__module__``.
    :param homes: each such name, and the module of the package that defines it.
    """
    name_of_package = package["__name__"]

    def load(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {name_of_package!r} has no attribute {name!r}")
        value = package[name] = getattr(import_module(f"{name_of_package}.{homes[name]}"), name)
        if isinstance(value, type):
            value.__module__ = name_of_package
        return value

    register_loader(lambda: [load(name) for name in homes])
    return load
