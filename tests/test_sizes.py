"""Files and functions stay short: a file has at most 600 lines, and half of the functions have only a few."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACES = ("packages", "testing", "tests", "benchmarks", "examples")
FILES = [ROOT / "noxfile.py"] + [
    path
    for place in PLACES
    for path in (ROOT / place).rglob("*")
    if path.suffix in (".py", ".pyi", ".c", ".h") and "build" not in path.relative_to(ROOT).parts
]
SHIPPED = [path for path in FILES if {"src", "kernel"} & set(path.relative_to(ROOT).parts)]


def python_functions(path: Path) -> Iterator[int]:
    """How many lines the body of each function has, without its docstring."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            if body:
                yield (node.end_lineno or node.lineno) - body[0].lineno + 1


def c_functions(path: Path) -> Iterator[int]:
    """The same, for code that clang-format has laid out: a body stands between braces in the first column."""
    for body in re.findall(r"^\{\n(.*?)^\}$", path.read_text(), re.MULTILINE | re.DOTALL):
        yield body.count("\n")


def test_no_file_is_long() -> None:
    lengths = {path: len(path.read_text(errors="replace").splitlines()) for path in FILES}
    assert len(lengths) > 500
    assert {str(path): lines for path, lines in lengths.items() if lines > 600} == {}


def test_half_of_the_functions_in_python_have_at_most_four_lines() -> None:
    sizes = [size for path in SHIPPED if path.suffix == ".py" for size in python_functions(path)]
    assert len(sizes) > 2000
    assert statistics.median(sizes) <= 4


def test_half_of_the_functions_in_c_have_at_most_nine_lines() -> None:
    sizes = [size for path in SHIPPED if path.suffix == ".c" for size in c_functions(path)]
    assert len(sizes) > 500
    assert statistics.median(sizes) <= 9
