"""What a main module defines under ``if __name__ == "__main__"``, its guard; children run the module without that part.

Functions and classes that are defined under the guard must be sent by value. They are found in the module's text, which
is parsed once, and only if there is a definition under a guard.
"""

from __future__ import annotations

import io
import os
import sys

from processing_core import _main_module
from processing_core._start import _default
from processing_core.annotations import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterable, Iterator

__all__ = ["is_found", "is_shared", "marks"]

GUARDS = (b"\nif __name__ ==", b"\nif __name__==", b'\nif "__main__" ==', b"\nif '__main__' ==", b"\nif (__name__ ==")
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


class _State:
    def __init__(self) -> None:
        self.names: frozenset[str] = frozenset()
        self.marks: tuple[bytes, ...] | None = None


_state = _State()


def marks() -> tuple[bytes, ...]:
    """Byte strings that occur in a plain pickle if it refers to objects that other processes do not have."""
    if _state.marks is None or _main_module.unseen():
        _look()
    return _state.marks or ()


def is_shared(obj: Any) -> bool:
    """Whether children have this function or class of the main module, so that it must be sent by name.

    A copy would be another class than theirs: what is compared with it, or caught by it, is of the one that they have.
    """
    return getattr(obj, "__module__", None) == "__main__" and is_found(obj)


def is_found(obj: Any) -> bool:
    """Whether children find a function or class by its name: in a module, or in what they have of the main module."""
    if getattr(obj, "__module__", None) == "__main__":
        marks()
        return _main_module.importable() and _found(obj)
    return _found(obj)


def _found(obj: Any) -> bool:
    module: Any = sys.modules.get(getattr(obj, "__module__", None) or "")
    first, *rest = obj.__qualname__.split(".")
    hidden = obj.__module__ == "__main__" and first in _state.names
    found: Any = None if hidden else getattr(module, first, None)
    for name in rest:
        found = getattr(found, name, None)
    return found is obj


def _look() -> None:
    importable = _main_module.importable()
    _state.names = _names() if importable else frozenset()
    if _default.get() == "fork":
        _state.marks = () if importable else (b"__main__",)  # a forked child has what is defined under the guard
    elif importable:
        _state.marks = tuple(mark for name in sorted(_state.names) for mark in _marks_of(name.encode()))
    else:
        _state.marks = (b"__main__",)


def _marks_of(name: bytes) -> Iterator[bytes]:
    """How a pickle contains a name: alone, and as the beginning of a name with dots."""
    if len(name) < 256:
        yield b"\x8c" + bytes([len(name)]) + name
    yield name + b"."


def _names() -> frozenset[str]:
    """The functions and classes that are defined under the guard.

    There are none in a child that skipped the guard.
    """
    main = sys.modules["__main__"]
    path = getattr(main, "__file__", None)
    if main.__name__ != "__main__" or path is None:
        return frozenset()
    try:
        with io.open_code(os.path.join(_main_module.START_DIRECTORY, path)) as file:
            content = file.read()
        return _guarded_in(content) if _may_have(content) else frozenset()
    except (OSError, SyntaxError, ValueError, ImportError):
        return frozenset()  # the file was changed or removed since the program began, or this process reaches no `ast`


def _may_have(content: bytes) -> bool:
    """Whether there are definitions below a guard, as far as can be seen without parsing."""
    begin = min((at for guard in GUARDS if (at := content.find(guard)) >= 0), default=-1)
    return begin >= 0 and any(word in content[begin:] for word in (b" def ", b" class ", b"\tdef ", b"\tclass ", b'("'))


def _guarded_in(content: bytes) -> frozenset[str]:
    import ast

    names: set[str] = set()
    for statement in ast.parse(content).body:
        if isinstance(statement, ast.If) and _is_guard(statement.test):
            names.update(_defined(statement.body))
        else:
            names.difference_update(_defined([statement]))  # the last definition of a name counts
    return frozenset(names)


def _is_guard(test: ast.expr) -> bool:
    import ast

    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(_is_guard(value) for value in test.values)
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], ast.Eq):
        return False
    sides = {ast.dump(test.left), ast.dump(test.comparators[0])}
    return sides == {ast.dump(ast.Name("__name__", ast.Load())), ast.dump(ast.Constant("__main__"))}


def _defined(statements: Iterable[Any]) -> Iterator[str]:
    """The functions and classes that statements define, those made by calls (a named tuple, an enumeration) too."""
    import ast

    for statement in statements:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield statement.name
            continue
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
            first = statement.value.args[0] if statement.value.args else None
            names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
            yield from (name for name in names if isinstance(first, ast.Constant) and first.value == name)
        for block in BLOCKS:
            yield from _defined(getattr(statement, block, ()))
