"""The versions, ranges and changelogs of a release, and that pip prefers it to the package of 2008."""

import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from processing_testing import predecessor, release

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
NAMES = [distribution.name for distribution in release.distributions(ROOT)]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What a release reads of the repository, ready for one."""
    for distribution in release.distributions(ROOT):
        name = distribution.name.replace("-", "_")
        for file in ("pyproject.toml", "CHANGELOG.md", f"src/{name}/__init__.py"):
            source = distribution.folder / file
            target = tmp_path / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text()
            target.write_text(text.replace("## Unreleased\n", f"## {distribution.version} (2026-01-31)\n", 1))
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_ready(copy: Path) -> None:
    assert list(release.problems(copy, set())) == []


@pytest.mark.parametrize("name", NAMES)
def test_each_has_the_version_of_its_metadata(name: str) -> None:
    module = __import__(name.replace("-", "_"))
    assert module.__version__ == importlib.metadata.version(name)
    assert release.numbers(module.__version__) >= (1, 0)


def test_a_range_that_leaves_a_sibling_out(copy: Path) -> None:
    edit(copy / "packages/processing-core/src/processing_core/__init__.py", '"1.0.0"', '"2.0.0"')
    found = "\n".join(release.problems(copy, set()))
    assert "processing-sync requires processing-core>=1.0,<2, which is 2.0.0" in found
    assert "table of versions" in found


def test_a_requirement_of_another_form(copy: Path) -> None:
    edit(copy / "packages/processing-sync/pyproject.toml", "processing-core>=1.0,<2", "processing-core")
    with pytest.raises(ValueError, match="the rule is"):
        list(release.problems(copy, set()))


def test_a_changelog_without_a_date(copy: Path) -> None:
    path = copy / "packages/processing-pool/CHANGELOG.md"
    path.write_text(release.HEADING.sub(r"## \1", path.read_text(), count=1))
    assert ["no date" in problem for problem in release.problems(copy, set())] == [True]


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


def commit(folder: Path, *tags: str) -> None:
    git = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"], *(["tag", tag] for tag in tags)):
        subprocess.run([*git, *command], check=True)


@needs_git
@pytest.mark.parametrize(
    ("file", "bumps"),
    [
        ("src/processing_pool/__init__.py", True),
        ("pyproject.toml", True),
        ("CHANGELOG.md", False),
    ],
)
def test_changed_since_its_tag(copy: Path, file: str, bumps: bool) -> None:
    commit(copy, "processing-pool-v1.0.0")
    assert list(release.problems(copy, {"processing-pool-v1.0.0"})) == []
    path = copy / "packages/processing-pool" / file
    path.write_text(path.read_text() + "\n")
    assert ("its version has not" in "".join(release.problems(copy, {"processing-pool-v1.0.0"}))) is bumps


@needs_git
def test_nothing_is_tagged_that_is_not_committed(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commit(copy)
    (copy / "packages/processing-pool/src/processing_pool/new.py").touch()
    assert release.main(["--root", str(copy), "--tag"]) == 1
    assert "new.py is not committed" in capsys.readouterr().out
    assert subprocess.run(["git", "-C", str(copy), "tag"], capture_output=True, check=True).stdout == b""
    assert release.main(["--root", str(copy)]) == 0  # a trial


@pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="pip is not installed")
def test_pip_prefers_it_to_the_package_of_2008(tmp_path: Path) -> None:
    version = release.distributions(ROOT)[0].version
    folder = tmp_path / "index"
    folder.mkdir()
    predecessor.make(folder)
    source = tmp_path / "processing"
    shutil.copytree(ROOT / "packages" / "processing", source, ignore=shutil.ignore_patterns("build", "*.so"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder), str(source)]
    subprocess.run(wheel, check=True)
    download = [*pip, "download", "--no-deps", "--no-index", "--find-links", str(folder), "-d", str(tmp_path)]
    subprocess.run([*download, "processing"], check=True)
    assert [path.name for path in tmp_path.glob("processing-*")] == [f"processing-{version}-py3-none-any.whl"]
