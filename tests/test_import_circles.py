"""The files of a package import each other in no circle, neither at run time nor for a checker alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PACKAGES = (
    "processing_core",
    "processing_sync",
    "processing_queues",
    "processing_managers",
    "processing_pool",
    "processing",
)
Graph = dict[str, set[str]]


def files_of(package: str) -> dict[str, Path]:
    """The files of a package by their modules' names; the compiled module is known by its stub."""
    root = ROOT / "packages" / package.replace("_", "-") / "src"
    paths = [*(root / package).rglob("*.py"), *(root / package).rglob("*.pyi")]
    return {name_of(path.relative_to(root)): path for path in paths}


def name_of(path: Path) -> str:
    """A module's name by its path below the root."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str) -> Iterator[str]:
    """The dotted names that a module imports anywhere: at its top, in functions, and under ``TYPE_CHECKING``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(name: str, modules: set[str]) -> str | None:
    """The module of this package that an imported name is, or is taken from."""
    while name not in modules and "." in name:
        name = name.rpartition(".")[0]
    return name if name in modules else None


def imports(sources: dict[str, str]) -> Graph:
    """Which modules of a package each of them imports."""
    modules = set(sources)
    graph: Graph = {module: set() for module in modules}
    for module, source in sources.items():
        found = {module_of(name, modules) for name in imported(source)}
        graph[module] |= {other for other in found if other is not None and other != module}
    return graph


def reachable(graph: Graph, start: str) -> set[str]:
    """The modules that one imports, directly or not."""
    found: set[str] = set()
    todo = [start]
    while todo:
        new = graph[todo.pop()] - found
        found |= new
        todo += new
    return found


def circles(graph: Graph) -> list[list[str]]:
    """The sets of modules that all import each other, directly or not."""
    reach = {module: reachable(graph, module) for module in graph}
    groups = {frozenset(other for other in reach[module] if module in reach[other]) for module in graph}
    return sorted(sorted(group) for group in groups if group)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_circle(package: str) -> None:
    assert circles(imports({module: path.read_text() for module, path in files_of(package).items()})) == []


@pytest.mark.parametrize(
    "statement",
    [
        "from p.b import thing",
        "from p import b",
        "import p.b",
        "if TYPE_CHECKING:\n    from p.b import thing",
        "def f():\n    from p.b import thing",
    ],
)
def test_a_circle_is_found(statement: str) -> None:
    sources = {"p": "", "p.a": statement, "p.b": "from p.c import x", "p.c": "import p.a", "p.d": "import p.a"}
    assert circles(imports(sources)) == [["p.a", "p.b", "p.c"]]


def test_what_is_no_circle() -> None:
    assert circles(imports({"p": "from p.a import x", "p.a": "from p.b import x", "p.b": "import os"})) == []
