"""Compares a module with the stub of its counterpart in the standard library (from typeshed, which mypy ships).

The stubs are read as text: nothing of what they describe is imported.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

from processing_core import BaseContext
from processing_core.lowlevel import default_context

__all__ = ["Stub", "differences", "faults_of", "public_names", "stub"]

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

# Names that only type checkers use, or that a class has without defining them.
_SKIPPED = {"__builtins__", "__getattr__", "__setattr__", "__del__", "__getslice__", "__setslice__", "__slots__"}

_ANY = object()  # stands for a name of which only the existence is known


class Stub:
    """A module as its stub describes it."""

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        self.names: dict[str, list[ast.stmt]] = {}
        self._imported: dict[str, str] = {}
        for statement in _taken(ast.parse(path.read_text()).body):
            self._read(statement)

    def public(self) -> list[str]:
        """The names that users may use."""
        return [name for name in self.names if not name.startswith("_")]

    def functions(self, name: str) -> list[_Function]:
        """The overloads of a function; empty if the name is something else."""
        return self._callables(self.names[name])

    def members(self, name: str) -> dict[str, list[ast.stmt]]:
        """The members of a class, including those of its bases in the same module; empty if the name is not a class."""
        return self._members(name, lambda _: True)

    def own_members(self, name: str) -> dict[str, list[ast.stmt]]:
        """As `members`, but only bases without a public name are included."""
        return self._members(name, lambda base: base.startswith("_"))

    def _members(self, name: str, included: Callable[[str], bool]) -> dict[str, list[ast.stmt]]:
        members: dict[str, list[ast.stmt]] = {}
        for node in self.names.get(name, []):
            if isinstance(node, ast.ClassDef):
                for base in reversed(node.bases):
                    base = base.value if isinstance(base, ast.Subscript) else base
                    if isinstance(base, ast.Name) and included(base.id):
                        members.update(self._members(base.id, included))
                members.update(_definitions(_taken(node.body)))
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
                members.update(self._members(node.value.id, included))
        return members

    def _read(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                self._imported[alias.asname or alias.name] = alias.name
                if alias.asname == alias.name:
                    self.names[alias.name] = []
        else:
            for name, nodes in _definitions([statement]).items():
                self.names.setdefault(name, []).extend(nodes)

    def _callables(self, nodes: list[ast.stmt]) -> list[_Function]:
        found: list[_Function] = []
        for node in nodes:
            if isinstance(node, _Function):
                found.append(node)
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute):
                found += self._bound(node.value)
        return found

    def _bound(self, value: ast.Attribute) -> list[_Function]:
        """The method that ``module.object.method`` or ``object.method`` is; without its ``self``."""
        holder, owner = value.value, self
        if isinstance(holder, ast.Attribute) and isinstance(holder.value, ast.Name):
            owner, holder = Stub(self._folder / f"{holder.value.id}.pyi"), ast.Name(holder.attr)
        assert isinstance(holder, ast.Name)
        if holder.id not in owner.names:
            return []  # the name belongs to another module of the standard library
        declared = owner.names[holder.id][0]
        cls = holder.id  # the holder is a class, or below an object of one
        if isinstance(declared, ast.AnnAssign):
            cls = ast.unparse(declared.annotation)
        methods = owner._callables(owner.members(cls).get(value.attr, []))
        return [without_self(method) for method in methods]


@cache
def stub(name: str) -> Stub:
    """The stub of a module of the standard library."""
    relative = name.replace(".", "/")
    root = Path(str(metadata.distribution("mypy").locate_file("mypy/typeshed/stdlib")))
    package = root / relative / "__init__.pyi"
    return Stub(package if package.exists() else root / f"{relative}.pyi")


def public_names(theirs: str) -> Iterator[tuple[str, str | None]]:
    """Each public name of a module, and of each of its classes: (name, ``None``), or (class, member)."""
    described = stub(theirs)
    for name in described.public():
        yield name, None
        for member in described.own_members(name):
            if (not member.startswith("_") or _is_special(member)) and member not in _SKIPPED:
                yield name, member


def differences(theirs: str, ours: str, name: str, member: str | None) -> list[str]:
    """Descriptions of what a program can do with their name but not with ours."""
    described, module = stub(theirs), importlib.import_module(ours)
    thing = getattr(module, name, None)
    if thing is None:
        return ["missing"]
    if member is None:
        return _all_faults(described.functions(name), thing)
    wanted = described.members(name)[member]
    if member in ("__init__", "__new__"):
        return _all_faults([without_self(node) for node in described._callables(wanted)], thing)
    if isinstance(thing, type) and issubclass(thing, BaseContext):
        thing = default_context  # an object also offers the functions that packages register
    elif inspect.isfunction(thing):
        thing = inspect.signature(thing, eval_str=True).return_annotation  # the function returns such objects
    if not _has(thing, member):
        return ["missing"]
    if _is_special(member) or isinstance(wanted[0], ast.ClassDef):
        return []
    if not isinstance(thing, type):
        thing = getattr(thing, member)
        return _all_faults([without_self(node) for node in _plain(described._callables(wanted))], thing)
    return _compare_method(described._callables(wanted), thing, member)


def faults_of(theirs: str, ours: Any) -> list[str]:
    """Descriptions of how a function of ours differs from the text of a definition."""
    node = ast.parse(theirs).body[0]
    assert isinstance(node, _Function)
    return _all_faults([node], ours)


def without_self(node: _Function) -> _Function:
    """A method's definition as that of a function: its first parameter left out, unless it is static."""
    decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
    if "staticmethod" in decorators:
        return node
    bare = ast.parse(ast.unparse(node)).body[0]
    assert isinstance(bare, _Function)
    (bare.args.posonlyargs or bare.args.args).pop(0)
    return bare


def _compare_method(wanted: list[_Function], cls: type[Any], member: str) -> list[str]:
    found = inspect.getattr_static(cls, member, _ANY)
    if not _plain(wanted) or found is _ANY or isinstance(found, property):
        return []
    bound = isinstance(found, staticmethod | classmethod) or not inspect.isroutine(found)
    return _all_faults([without_self(node) for node in wanted], getattr(cls, member), drop=not bound)


def _plain(wanted: list[_Function]) -> list[_Function]:
    """The definitions that can be called; none if the name is a property."""
    return [] if any("property" in map(ast.unparse, node.decorator_list) for node in wanted) else wanted


def _all_faults(wanted: list[_Function], ours: Any, *, drop: bool = False) -> list[str]:
    if not wanted:
        return []
    if not callable(ours):
        return ["cannot be called"]
    parameters = _parameters(ours)
    if parameters is None:
        return ["has no signature"]
    return sorted({fault for node in wanted for fault in _faults(node.args, parameters[drop:])})


def _parameters(ours: Any) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(ours).parameters.values())
    except ValueError:
        return _of_kernel(ours) if isinstance(ours, type) else None


def _of_kernel(cls: type[Any]) -> list[inspect.Parameter] | None:
    """The parameters of a class whose constructor is the kernel's, from the kernel's stub, which says `__init__`."""
    kernel = importlib.import_module("processing_core._kernel")
    described = _kernel_stub()
    for base in cls.__mro__:
        if vars(kernel).get(base.__name__) is base:
            members = described.members(base.__name__)
            nodes = [without_self(node) for node in described._callables(members.get("__init__", []))]
            return _as_parameters(nodes[-1].args) if nodes else []
    return None


@cache
def _kernel_stub() -> Stub:
    core = importlib.import_module("processing_core")
    return Stub(Path(str(core.__file__)).parent / "_kernel_objects.pyi")


def _as_parameters(wanted: ast.arguments) -> list[inspect.Parameter]:
    """The parameters of a definition, as `inspect` describes them."""
    kinds = inspect.Parameter
    missing: list[Any] = [None] * (len(wanted.posonlyargs) + len(wanted.args) - len(wanted.defaults))
    positional = [
        *((node.arg, kinds.POSITIONAL_ONLY) for node in wanted.posonlyargs),
        *((node.arg, kinds.POSITIONAL_OR_KEYWORD) for node in wanted.args),
    ]
    found = [
        inspect.Parameter(name, kind, default=kinds.empty if default is None else default)
        for (name, kind), default in zip(positional, [*missing, *wanted.defaults], strict=True)
    ]
    if wanted.vararg:
        found.append(inspect.Parameter(wanted.vararg.arg, kinds.VAR_POSITIONAL))
    for node, default in zip(wanted.kwonlyargs, wanted.kw_defaults, strict=True):
        found.append(
            inspect.Parameter(node.arg, kinds.KEYWORD_ONLY, default=kinds.empty if default is None else default)
        )
    if wanted.kwarg:
        found.append(inspect.Parameter(wanted.kwarg.arg, kinds.VAR_KEYWORD))
    return found


def _faults(wanted: ast.arguments, ours: list[inspect.Parameter]) -> Iterator[str]:
    """Calls that the one definition allows and the other refuses."""
    theirs = _as_parameters(wanted)
    positional = [it for it in ours if it.kind in (it.POSITIONAL_ONLY, it.POSITIONAL_OR_KEYWORD)]
    named = {it.name: it for it in ours if it.kind in (it.POSITIONAL_OR_KEYWORD, it.KEYWORD_ONLY)}
    kinds = {it.kind for it in ours}
    any_position = inspect.Parameter.VAR_POSITIONAL in kinds
    any_name = inspect.Parameter.VAR_KEYWORD in kinds
    filled = set()
    for index, it in enumerate(theirs):
        if it.kind in (it.VAR_POSITIONAL, it.VAR_KEYWORD):
            if it.kind not in kinds:
                yield f"takes no further {'positional' if it.kind == it.VAR_POSITIONAL else 'keyword'} arguments"
            continue
        here = named.get(it.name)
        if it.kind != it.KEYWORD_ONLY:
            there = positional[index] if index < len(positional) else None
            if there is None and not any_position:
                yield f"{it.name} cannot be given by position"
            elif there is not None and it.kind != it.POSITIONAL_ONLY and there.name != it.name and here is not None:
                yield f"{it.name} stands in another position"
            here = here if here is not None and it.kind != it.POSITIONAL_ONLY else there
        if it.kind != it.POSITIONAL_ONLY and it.name not in named and not any_name:
            yield f"{it.name} cannot be given by name"
        if here is not None:
            filled.add(here.name)
            if it.default is not it.empty and here.default is here.empty:
                yield f"{it.name} has no default"
    for it in ours:
        if it.default is it.empty and it.name not in filled and it.kind not in (it.VAR_POSITIONAL, it.VAR_KEYWORD):
            yield f"{it.name} must be given, of which they know nothing"


def _has(thing: Any, member: str) -> bool:
    """Whether objects of a class have a member; those that their ``__init__`` sets are annotated in the class."""
    if hasattr(thing, member):
        return True
    return any(member in vars(base).get("__annotations__", {}) for base in getattr(thing, "__mro__", ()))


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _taken(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that count for this interpreter on this platform."""
    for statement in body:
        if isinstance(statement, ast.If):
            chosen = eval(compile(ast.Expression(statement.test), "stub", "eval"), {"sys": sys})
            yield from _taken(statement.body if chosen else statement.orelse)
        else:
            yield statement


def _definitions(body: Any) -> dict[str, list[ast.stmt]]:
    names: dict[str, list[ast.stmt]] = {}
    for statement in body:
        if isinstance(statement, _Function | ast.ClassDef):
            decorators = map(ast.unparse, statement.decorator_list)
            if "type_check_only" not in decorators:
                names.setdefault(statement.name, []).append(statement)
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            names.setdefault(statement.target.id, []).append(statement)
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            names.setdefault(statement.targets[0].id, []).append(statement)
    return names
