"""The repository agrees with itself: licences, versions, and which package may depend on which."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processing_testing import release

ROOT = Path(__file__).parent.parent
LAYERS = {
    "processing-core": [],
    "processing-sync": ["core"],
    "processing-queues": ["core", "sync"],
    "processing-managers": ["core", "sync", "queues"],
    "processing-pool": ["core", "sync", "queues"],
    "processing": ["core", "sync", "queues", "managers", "pool"],
}

pytestmark = pytest.mark.parametrize("distribution", LAYERS)


def project(distribution: str) -> dict[str, Any]:
    """The ``[project]`` table of a package."""
    table: dict[str, Any] = tomllib.loads((ROOT / "packages" / distribution / "pyproject.toml").read_text())["project"]
    return table


def test_the_licence_is_the_common_one(distribution: str) -> None:
    assert (ROOT / "packages" / distribution / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_the_changelog_names_the_version(distribution: str) -> None:
    changelog = (ROOT / "packages" / distribution / "CHANGELOG.md").read_text()
    first = release.HEADING.search(changelog)
    assert first is not None
    assert first[1] in ("Unreleased", release.Distribution(ROOT / "packages" / distribution).version)


def test_dependencies_are_the_layers_below(distribution: str) -> None:
    siblings = [f"processing-{name}" for name in LAYERS[distribution]]
    found = {name.split(">=")[0]: name for name in project(distribution)["dependencies"]}
    assert set(found) == {*siblings, *(["cloudpickle"] if distribution == "processing-core" else [])}


def test_importing_it_imports_no_multiprocessing(distribution: str) -> None:
    code = f"import sys, {distribution.replace('-', '_')}; print(*(m for m in sys.modules if 'multiprocessing' in m))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


def imported_names(source: Path) -> Iterator[str]:
    """Every dotted name that a module imports."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_private_modules_of_siblings_are_left_alone(distribution: str) -> None:
    own = distribution.replace("-", "_")
    trespasses = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "packages" / distribution / "src").rglob("*.py")
        for name in imported_names(path)
        if name.startswith("processing") and name.split(".")[0] != own
        if any(part.startswith("_") for part in name.split(".")[1:])
    ]
    assert trespasses == []
