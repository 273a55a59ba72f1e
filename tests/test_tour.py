"""The tour in CONTRIBUTING.md leads to files and functions that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
TOUR = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## A tour\n")[2].partition("\n## ")[0]
NAMES = re.findall(r"`([\w/.]+\.(?:py|c|h|md|pyi))(?::([\w.]+))?`", TOUR)
BARE = re.compile(r"`(?:struct )?([A-Za-z_]\w*(?:\.(?!(?:py|c|h|md|pyi)`)\w+)?)`")
for _file, _inside in re.findall(r"`([\w/.]+\.(?:py|c|h|pyi))(?::[\w.]+)?` \(([^()]*)\)", TOUR):
    NAMES += [(_file, name) for name in BARE.findall(_inside)]  # those in parentheses after a file are the file's
FILES = [path for folder in ("packages", "testing/src") for path in (ROOT / folder).rglob("*") if path.is_file()]
FILES = [path for path in FILES if "build" not in path.relative_to(ROOT).parts]
CODE = [path for path in FILES if path.suffix in (".py", ".c", ".h", ".pyi")]


def test_there_is_one() -> None:
    assert len(NAMES) > 100


@pytest.mark.parametrize(("file", "name"), NAMES)
def test_it_exists(file: str, name: str) -> None:
    found = [path for path in FILES if path.as_posix().endswith(f"/{file}")]
    assert found, f"no file {file}"
    texts = [path.read_text(encoding="utf-8") for path in found]
    for part in name.split(".") if name else []:
        assert any(re.search(rf"\b{part}\b", text) for text in texts), f"nothing is called {part} in {file}"


def test_files_that_comments_name_exist() -> None:
    named = [
        (path, file)
        for path in CODE
        for file in re.findall(
            r"``((?:kernel|processing_\w+|_\w+)/[\w/]+\.(?:py|c|h))``", path.read_text(encoding="utf-8")
        )
    ]
    assert named
    there = [path.as_posix() for path in FILES]
    assert [(str(path), file) for path, file in named if not any(other.endswith(f"/{file}") for other in there)] == []


def test_each_other_name_is_in_some_file() -> None:
    words = [set(re.findall(r"\w+", path.read_text(encoding="utf-8"))) for path in CODE]
    for name in set(BARE.findall(TOUR)):
        assert any(found.issuperset(name.split(".")) for found in words), f"nothing is called {name}"
