"""Files, types and functions are named by the terms of the field: no name has one of the words that these replace."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent

WORDS = {
    "processing-core": {
        *("birth", "births", "born", "broker", "brokers", "bury", "desk", "luggage", "patience", "place", "places"),
        *("rehearsal", "rehearse"),
    },
    "processing-sync": {"meet", "strike", "struck"},
    "processing-queues": {"learn", "lobby", "lobbies", "shake"},
    "processing-managers": {
        *("actor", "attendant", "attendants", "forsake", "keeper", "keepers", "lend", "lends", "loan", "loans"),
        *("post", "posted", "posts", "settle", "stand", "standing"),
    },
    "processing-pool": {
        *("attempt", "attempts", "bed", "beds", "birth", "births", "breath", "burial", "bury", "buried", "doom"),
        *("doomed", "inheritance", "kept", "kick", "kin", "legacy", "legacies", "luggage", "mapping", "mercy"),
        *("obituary", "pace", "patience", "place", "places", "recipe", "role", "settle", "settled", "slate"),
        *("stillbirth", "stillbirths", "stillborn", "stream", "untaken", "void", "voided", "watch"),
    },
}
"""The words that a package's own names no longer have.  Names of the kernel's that it calls are no names of its own."""


def sources(distribution: str) -> list[Path]:
    """The Python files of a package and of its tests, but for those under the names that stored pickles contain."""
    root = ROOT / "packages" / distribution
    return sorted(
        path
        for part in ("src", "tests")
        for path in (root / part).rglob("*.py")
        if "_moved" not in path.relative_to(ROOT).parts
    )


def defined(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What a module defines: its types and functions with their parameters, its constants and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node in tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((node.lineno, target.id) for target in targets if isinstance(target, ast.Name))


def words_of(name: str) -> set[str]:
    """The words that a name is made of, in small letters."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


@pytest.mark.parametrize("distribution", WORDS)
def test_names(distribution: str) -> None:
    words = WORDS[distribution]
    found = [f"{path.relative_to(ROOT)}" for path in sources(distribution) if words & words_of(path.stem)]
    for path in sources(distribution):
        for line, name in defined(ast.parse(path.read_text())):
            if words & words_of(name):
                found.append(f"{path.relative_to(ROOT)}:{line}: {name}")
    assert found == []


KERNEL = ROOT / "packages/processing-core/kernel"
KERNEL_WORDS = {
    *("adopt", "bed", "bell", "bells", "birth", "births", "bury", "burial", "census", "deaf", "desk", "doom", "doomed"),
    *(
        "ear",
        "ears",
        "exposed",
        "flee",
        "founder",
        "harvest",
        "heed",
        "heeded",
        "hearing",
        "inheritance",
        "luggage",
        "met",
    ),
    *("obituary", "obituaries", "pile", "piles", "rehearse", "settle", "silence", "slate", "survey", "swift", "toll"),
    *("tolling", "vacancy", "voided"),
}
"""The same for the kernel: its files, and every identifier of its C and of its stub."""
TESTING = ROOT / "testing/src/processing_testing"
TESTING_WORDS = {
    *("befriend", "crew", "crews", "deed", "dismiss", "dismissal", "ear", "ears", "halves", "hear", "heeded"),
    *("laboratory", "meeting", "meetings", "patience", "pile", "piles", "scaffolding", "struck", "visit", "visits"),
    *("welcome",),
}


def test_names_of_the_kernel() -> None:
    files = sorted(KERNEL.rglob("*.[ch]"))
    found = [str(path.relative_to(ROOT)) for path in files if KERNEL_WORDS & words_of(path.stem)]
    for path in [*files, *sorted(ROOT.glob("packages/processing-core/src/processing_core/_kernel*.pyi"))]:
        code = re.sub(r'/\*.*?\*/|"""(?:.|\n)*?"""|"(?:\\.|[^"\\\n])*"', "", path.read_text(), flags=re.DOTALL)
        found += [
            f"{path.relative_to(ROOT)}: {name}"
            for name in set(re.findall(r"\b[A-Za-z_]\w*", code))
            if KERNEL_WORDS & words_of(name)
        ]
    assert sorted(found) == []


def test_names_of_the_testing_package() -> None:
    found = [str(path.relative_to(ROOT)) for path in TESTING.rglob("*.py") if TESTING_WORDS & words_of(path.stem)]
    for path in sorted(TESTING.rglob("*.py")):
        found += [
            f"{path.relative_to(ROOT)}: {name}"
            for _, name in defined(ast.parse(path.read_text()))
            if TESTING_WORDS & words_of(name)
        ]
    assert found == []


PROSE = re.compile(r"\b(lest|whom|kin|stands on|stand on|so many|[Ww]hoever)\b")
"""What plain technical English does without: there is a process, a thread, an owner or a caller to be named."""


def test_prose() -> None:
    places = [ROOT / name for name in ("packages", "testing/src", "tests", "docs", "benchmarks")]
    files = [path for place in places for kind in ("py", "pyi", "md", "c", "h") for path in place.rglob(f"*.{kind}")]
    found = []
    for path in sorted({*files, ROOT / "README.md", ROOT / "CONTRIBUTING.md"}):
        if path != Path(__file__) and path.name != "CHANGELOG.md" and "build" not in path.relative_to(ROOT).parts:
            found += [f"{path.relative_to(ROOT)}: {word}" for word in PROSE.findall(path.read_text())]
    assert found == []


PERSONS = re.compile(r"\b([Nn]obody|[Ss]omebody|[Aa]nybody|[Ee]verybody|[Ss]omeone)\b")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def test_prose_names_processes_and_threads() -> None:
    """No sentence about processes and threads is about persons: in the packages, in C's comments, and in the docs."""
    sources = [path for path in (ROOT / "packages").glob("*/src/**/*") if path.suffix in (".py", ".pyi", ".md")]
    documents = [*(ROOT / "docs").glob("*.md"), *(ROOT / "packages").glob("*/*.md"), *KERNEL.glob("*.md")]
    texts = {path: path.read_text() for path in [*sources, *documents, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]}
    texts |= {path: " ".join(COMMENT.findall(path.read_text())) for path in KERNEL.rglob("*.[ch]")}
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path, text in sorted(texts.items())
        if path.name != "CHANGELOG.md"
        for word in PERSONS.findall(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("_stillBirths", {"still", "births"}),
        ("MERCY_TIME", {"mercy", "time"}),
        ("UDPBed", {"udp", "bed"}),
        ("__slots__", {"slots"}),
    ],
)
def test_the_words_of_a_name(name: str, words: set[str]) -> None:
    assert words_of(name) == words


def test_what_a_module_defines() -> None:
    source = "class Kept:\n  def doom(self): self.bed = 1\nPACE: int = 2\nMERCY = 3\n"
    assert {name for _, name in defined(ast.parse(source))} == {"Kept", "doom", "bed", "PACE", "MERCY"}
