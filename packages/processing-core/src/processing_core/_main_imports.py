"""What a main module imports, without running the module.

A forkserver imports it, so that its children need not.  Only unconditional imports count: statements at the module's
top level, and in its ``try`` and ``with`` blocks. An import under a condition, such as the main guard, is left to the
process in which the condition is true.
"""

from __future__ import annotations

import _ast
import io
from collections.abc import Iterator
from importlib.machinery import ModuleSpec

__all__ = ["import_all"]


def import_all(spec: ModuleSpec | None, path: str) -> None:
    """Import what a main module imports.

    :param spec: the module's, if it was started by its name.
    :param path: its source's; nothing is imported if there is none, as of a compiled file.
    :raises BaseException: what an import raises that would end the module; nothing further is imported then.
    """
    with io.open_code(path) as file:
        content = file.read()
    if b"\0" in content:
        return
    tree: _ast.Module = compile(content, path, "exec", _ast.PyCF_ONLY_AST, dont_inherit=True)  # type: ignore[assignment]
    package = "" if spec is None else spec.parent or ""
    for statement, optional in _imports(tree.body, False):
        try:
            _import(statement, package)
        except BaseException:
            if not optional:
                raise


def _imports(body: list[_ast.stmt], optional: bool) -> Iterator[tuple[_ast.Import | _ast.ImportFrom, bool]]:
    """The statements in their order, and whether the module goes on if one fails."""
    for statement in body:
        if isinstance(statement, (_ast.Import, _ast.ImportFrom)):
            yield statement, optional
        elif isinstance(statement, (_ast.Try, _ast.With)):
            yield from _imports(statement.body, True)


def _import(statement: _ast.Import | _ast.ImportFrom, package: str) -> None:
    names = [alias.name for alias in statement.names]
    if isinstance(statement, _ast.ImportFrom):
        __import__(statement.module or "", {"__package__": package}, None, names, statement.level)
        return
    for name in names:
        __import__(name)
