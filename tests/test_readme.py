"""The READMEs' examples run, and print what they say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("packages/*/README.md")), *sorted(ROOT.glob("docs/*.md"))]
EXAMPLE = re.compile(r"^```python\n(.*?)^```\n(?:\n?^```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
EXAMPLES = [
    pytest.param(match[1], match[2], id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, match in enumerate(EXAMPLE.finditer(page.read_text()), 1)
]


def test_there_is_one_in_the_readme() -> None:
    assert EXAMPLE.search((ROOT / "README.md").read_text())


@pytest.mark.parametrize(("source", "output"), EXAMPLES)
def test_it_runs(source: str, output: str | None, tmp_path: Path) -> None:
    program = tmp_path / "example.py"
    program.write_text(source)
    command = [sys.executable, "-W", "error", str(program)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    if output is not None:
        assert result.stdout == output


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
    assert [link for link in links if not (page.parent / link).exists()] == []
