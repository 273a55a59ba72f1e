"""The kernel's folders are layers: a file uses only its own folder and the folders listed before it.

Within a folder files may use one another, but never in a circle.  A header and the source of its name are one unit.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

KERNEL = Path(__file__).parent.parent / "packages/processing-core/kernel"
LAYERS = [
    "platform", "base", "arena", "cells", "family", "objects", "process", "sync", "values", "queues", "pipes", "pool",
    "inspect", "module",
]  # fmt: skip
NOT_THE_KERNEL = "tests"  # programs of their own

COMMENT_OR_TEXT = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
INCLUDE = re.compile(r'^\s*#\s*include "([^"]+)"', re.MULTILINE)
PROTOTYPE = re.compile(r"^(?![\s#])[^\n;{}]*\b\w+\([^;{}]*\)(?:\s*,[^;{}]*)?;|^extern[^;{}]*;", re.MULTILINE)
DIRECTIVE = re.compile(r"^\s*#.*(?:\\\n.*)*", re.MULTILINE)
FUNCTION = re.compile(r"^(?!\s|#)([^\n;{}=]*?)\b(\w+)\([^;{}]*\)\s*\n?\{", re.MULTILINE)
VARIABLE = re.compile(
    r"^(?!static|extern|typedef|#)[A-Za-z_][\w *]*?\b(\w+)(?:\[[^\]]*\])*\s*(?:=[^;]*)?;", re.MULTILINE
)

Graph = dict[str, dict[str, set[str]]]


def unit(path: Path, root: Path) -> str:
    return path.relative_to(root).with_suffix("").as_posix()


def definitions(path: Path, code: str) -> set[str]:
    """What other files can name: functions and variables with external linkage, and all functions of a header."""
    functions = {
        name for before, name in FUNCTION.findall(code) if path.suffix == ".h" or "static" not in before.split()
    }
    return functions | (set(VARIABLE.findall(code)) if path.suffix == ".c" else set())


def graph(root: Path) -> Graph:
    """Which unit uses which other, by what: names that it calls or reads, and ``#include``."""
    files = [path for path in sorted(root.rglob("*.[ch]")) if NOT_THE_KERNEL not in path.relative_to(root).parts]
    texts = {path: path.read_text() for path in files}
    code = {path: COMMENT_OR_TEXT.sub("", text) for path, text in texts.items()}
    code |= {path: PROTOTYPE.sub("", text) for path, text in code.items() if path.suffix == ".h"}  # no use of the name
    defined = {name: unit(path, root) for path in files for name in definitions(path, code[path])}
    uses: Graph = {unit(path, root): defaultdict(set) for path in files}
    for path in files:
        here = uses[unit(path, root)]
        for name in set(re.findall(r"\b\w+\b", DIRECTIVE.sub("", code[path]))) & defined.keys():
            here[defined[name]].add(name)
        for included in INCLUDE.findall(texts[path]):
            here[unit(root / included, root)].add("#include")
        here.pop(unit(path, root), None)
    return uses


def layer(name: str) -> int:
    return LAYERS.index(name.partition("/")[0])


def upward(uses: Graph) -> list[str]:
    return [
        f"{user} -> {used}: {', '.join(sorted(names))}"
        for user, targets in uses.items()
        for used, names in targets.items()
        if layer(used) > layer(user)
    ]


def circles(uses: Graph) -> list[list[str]]:
    """The strongly connected parts of more than one unit: what can be reached both ways."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        pending = [start]
        while pending:
            for used in uses.get(pending.pop(), {}):
                if used not in seen:
                    seen.add(used)
                    pending.append(used)
        return seen

    reach = {name: reached(name) for name in uses}
    found = {tuple(sorted(other for other in reach[name] if name in reach.get(other, ()))) for name in uses}
    return [list(circle) for circle in sorted(found) if len(circle) > 1]


def test_a_layer_uses_only_those_above_it() -> None:
    assert upward(graph(KERNEL)) == []


def test_no_files_use_one_another_in_a_circle() -> None:
    assert circles(graph(KERNEL)) == []


def test_both_would_be_found(tmp_path: Path) -> None:
    for name, text in {
        "base/low.h": "int low(void);\n",
        "base/low.c": '#include "base/low.h"\nint low(void)\n{\n    return high();\n}\n',
        "arena/high.c": '#include "base/low.h"\nint high(void)\n{\n    return low();\n}\n',
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    uses = graph(tmp_path)
    assert upward(uses) == ["base/low -> arena/high: high"]
    assert circles(uses) == [["arena/high", "base/low"]]
