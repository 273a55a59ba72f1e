"""Contexts as programs give them: one of ours, its class, a start method's name, or one of ``multiprocessing``'s.

``multiprocessing`` is never imported here: a program that passes one of its contexts has imported it.
"""

from __future__ import annotations

from types import ModuleType

from processing_core import _context
from processing_core._context import BaseContext
from processing_core._process import BaseProcess
from processing_core.annotations import Any

__all__ = ["context_of"]


def context_of(given: Any, name: str) -> BaseContext:
    """The context that a program means.  Does not block.

    :param given: a context or a class of contexts, ours or ``multiprocessing``'s, of which the start method is taken;
        a start method's name; the module that offers contexts; ``None`` for the default context.
    :param name: the parameter's name, for messages.
    :raises TypeError: if it is nothing of these.
    :raises ValueError: if it names no start method of this platform.
    """
    if given is None:
        return _context.get_context()
    if isinstance(given, str):
        return _context.get_context(given)
    if isinstance(given, type) and issubclass(given, _context.BaseContext):
        return _instance(given)
    if issubclass(type(given), _context.BaseContext):
        return given  # type: ignore[no-any-return]
    if isinstance(given, ModuleType) or _is_of_multiprocessing(given):
        return _context.get_context(_method_of(given, name))
    process = getattr(given, "Process", None)
    foreign = isinstance(process, type) and not issubclass(process, BaseProcess)
    if process is None or foreign or not hasattr(given, "get_start_method"):
        raise TypeError(_refusal(given, name))
    return given  # type: ignore[no-any-return]


def _instance(cls: type[BaseContext]) -> BaseContext:
    """The context of a class: the one that there is, for those of this package."""
    for context in (*_context.concrete_contexts.values(), _context.default_context):
        if type(context) is cls:
            return context
    return cls()


def _is_of_multiprocessing(given: Any) -> bool:
    """Whether it is what `multiprocessing` itself defines, by names: its modules may have been replaced since."""
    cls = given if isinstance(given, type) else type(given)
    names = {(base.__module__, base.__name__) for base in cls.__mro__}
    return cls.__module__ == "multiprocessing.context" and ("multiprocessing.context", "BaseContext") in names


def _method_of(given: Any, name: str) -> str | None:
    """The start method of one of ``multiprocessing``'s contexts, or of a module; ``None`` for the default."""
    if isinstance(given, type):
        return getattr(given, "_name", None)
    if not hasattr(given, "get_start_method"):
        raise TypeError(_refusal(given, name))
    return given.get_start_method(allow_none=True)  # type: ignore[no-any-return]


def _refusal(given: object, name: str) -> str:
    return (
        f"{name} must be a context of processing, as processing.get_context('spawn') gives it, or the name of a start "
        f"method, not {given!r}"
    )
