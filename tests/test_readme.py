"""The examples of the READMEs and the documentation run, and print what they say."""

import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("packages/*/README.md")), *sorted(ROOT.glob("docs/**/*.md"))]


def run(example: Example) -> str | None:
    """Run a block as a program."""
    program = Path(example.namespace["folder"]) / "example.py"
    program.write_text(example.parsed)
    command = [sys.executable, "-W", "error", str(program)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=program.parent, check=False)
    example.namespace["printed"] = result.stdout
    if result.returncode or result.stderr:
        return f"exit status {result.returncode}\n{result.stderr}"
    return None


def compare(example: Example) -> str | None:
    """Compare a block of text with what the program before it has printed."""
    printed = example.namespace["printed"]
    return None if printed == example.parsed else f"it printed\n{printed}"


MADE = {"errors.md", "from-0.52.md", "changelog.md", "security.md"}
"""Pages of the site that are made from the code."""

SYBIL = Sybil([CodeBlockParser("python", run), CodeBlockParser("text", compare)])


def programs() -> Iterator[tuple[Path, list[Example]]]:
    """Every program of a page, with the block of its output if one follows at once."""
    for page in PAGES:
        document = SYBIL.parse(page)
        examples = [*document.examples(), None]
        for example, following in pairwise(examples):
            if example is not None and is_program(example):
                follows = following is not None and not document.text[example.end : following.start].strip()
                yield page, [example, following] if follows and following and not is_program(following) else [example]


def is_program(example: Example) -> bool:
    return bool(example.document.text.startswith("```python", example.start))


EXAMPLES = [pytest.param(found, id=f"{page.relative_to(ROOT)}:{found[0].line}") for page, found in programs()]


def test_there_is_one_in_the_readme() -> None:
    assert any(page == ROOT / "README.md" for page, _ in programs())


@pytest.mark.parametrize("examples", EXAMPLES)
def test_it_runs(examples: list[Example], tmp_path: Path) -> None:
    examples[0].namespace["folder"] = tmp_path
    for example in examples:
        example.evaluate()


def test_the_two_commands_are_sessions() -> None:
    named = re.findall(r"python3 -m nox -s (\w+)", (ROOT / "README.md").read_text())
    noxfile = (ROOT / "noxfile.py").read_text()
    assert {"demo", "tests"} <= set(named)
    assert [name for name in named if f"def {name}(session" not in noxfile] == []


def test_it_says_how_to_install() -> None:
    commands = (ROOT / "README.md").read_text().replace("\\\n", " ").splitlines()
    install = next(line.split() for line in commands if "pip install packages/" in line)
    named = sorted(word.removeprefix("packages/") for word in install if word.startswith("packages/"))
    assert named == sorted(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))


@pytest.mark.parametrize("page", sorted(ROOT.glob("packages/*/README.md")), ids=lambda page: str(page.parent.name))
def test_a_distributions_page_stands_alone(page: Path) -> None:
    """The page is also shown without the repository's files, such as on PyPI."""
    text = page.read_text()
    assert [link for link in re.findall(r"\]\(([^)]+)", text) if not link.startswith(("https://", "#"))] == []
    assert re.findall(r"to come|not here yet", text) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)", page.read_text()) if "://" not in link]
    assert [link for link in links if link not in MADE and not (page.parent / link).exists()] == []
