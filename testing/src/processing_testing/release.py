"""What must hold before a release: versions, ranges, changelogs and the table of versions tell one story.

python -m processing_testing.release            checks, and prints the tags
python -m processing_testing.release --tag      makes them, too
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

FACADE = "processing"
VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)
HEADING = re.compile(r"^## (\S+)(?: \((\d{4}-\d\d-\d\d)\))?$", re.MULTILINE)
RANGE = re.compile(r"^(processing(?:-\w+)?)(?:\[\w+\])?>=(\d+(?:\.\d+)*),<(\d+)$")
NO_REASON_TO_BUMP = ("tests", "README.md", "CHANGELOG.md")
"""What may change in a distribution's folder after its release; all else makes another wheel or sdist."""


@dataclass(frozen=True)
class Distribution:
    """One of the packages."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def project(self) -> dict[str, Any]:
        table: dict[str, Any] = tomllib.loads((self.folder / "pyproject.toml").read_text())["project"]
        return table

    @cached_property
    def version(self) -> str:
        """What its ``__init__`` says, which the build takes.

        :raises ValueError: if it says none.
        """
        source = self.folder / "src" / self.name.replace("-", "_") / "__init__.py"
        if found := VERSION.search(source.read_text()):
            return found[1]
        raise ValueError(f"{source}: no line `__version__ = ...`")

    @property
    def tag(self) -> str:
        return f"{self.name}-v{self.version}"

    @cached_property
    def changelog(self) -> str:
        return (self.folder / "CHANGELOG.md").read_text()

    def siblings(self) -> Iterator[tuple[str, str, int]]:
        """Each sibling that it requires: the name, the least version, and the major version that it must stay below.

        :raises ValueError: if a requirement of a sibling has another form.
        """
        extras = self.project.get("optional-dependencies", {}).values()
        for requirement in [*self.project.get("dependencies", []), *(line for extra in extras for line in extra)]:
            if found := RANGE.match(requirement):
                yield found[1], found[2], int(found[3])
            elif requirement.startswith(FACADE):
                raise ValueError(f"{self.name} requires {requirement!r}; the rule is: 'NAME>=1.2,<2'")


def distributions(root: Path) -> list[Distribution]:
    return [Distribution(path.parent) for path in sorted(root.glob("packages/*/pyproject.toml"))]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def problems(root: Path, tags: set[str]) -> Iterator[str]:
    """What a release would get wrong.

    :param tags: the tags of the repository.
    """
    found = {distribution.name: distribution for distribution in distributions(root)}
    for distribution in found.values():
        yield from wrong_ranges(distribution, found)
        yield from wrong_changelog(distribution)
        yield from not_bumped(distribution, root, tags)
    yield from wrong_table(found)


def wrong_ranges(distribution: Distribution, found: dict[str, Distribution]) -> Iterator[str]:
    for sibling, least, below in distribution.siblings():
        version = numbers(found[sibling].version)
        if not numbers(least) <= version or version[0] >= below:
            yield f"{distribution.name} requires {sibling}>={least},<{below}, which is {found[sibling].version}"


def wrong_changelog(distribution: Distribution) -> Iterator[str]:
    first = HEADING.search(distribution.changelog)
    if first is None or first[1] != distribution.version:
        yield f"{distribution.name}: the changelog begins with {first and first[1]}, not {distribution.version}"
    elif first[2] is None:
        yield f"{distribution.name}: {distribution.version} has no date in the changelog, as in '## 1.2.3 (2026-01-31)'"


def not_bumped(distribution: Distribution, root: Path, tags: set[str]) -> Iterator[str]:
    """A version that has its tag already must be what was tagged."""
    if distribution.tag in tags:
        folder = str(distribution.folder.relative_to(root))
        compare = ["git", "-C", str(root), "diff", "--quiet", distribution.tag, "--", folder]
        left_out = [f":(exclude){folder}/{name}" for name in NO_REASON_TO_BUMP]
        if subprocess.run([*compare, *left_out], check=False).returncode:
            yield f"{distribution.name} has changed since {distribution.tag}, and its version has not"


def wrong_table(found: dict[str, Distribution]) -> Iterator[str]:
    """The facade's changelog says which versions go together, the newest first."""
    names = [name for name in found if name != FACADE]
    rows = [line.strip("| ").split(" | ") for line in found[FACADE].changelog.splitlines() if line.startswith("| ")]
    header, *versions = [[cell.strip(" `") for cell in row] for row in rows] or [[]]
    wanted = [found[name].version for name in [FACADE, *names]]
    if header != [FACADE, *names]:
        yield f"the table of versions in the facade's changelog names {header}, not {[FACADE, *names]}"
    elif versions[:1] != [wanted]:
        yield f"the newest row of the table of versions is {versions[:1]}, not {wanted}"


def uncommitted(root: Path) -> Iterator[str]:
    """What the files that were built have, and a tag would not."""
    status = ["git", "-C", str(root), "status", "--porcelain", "--", "packages"]
    for line in subprocess.run(status, capture_output=True, text=True, check=True).stdout.splitlines():
        yield f"{line[3:]} is not committed, so no tag would have it"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Check the versions of a release; make its tags.")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the repository")
    parser.add_argument("--tag", action="store_true", help="make the tags that are missing")
    options = parser.parse_args(arguments)
    git = ["git", "-C", str(options.root)]
    tags = set(subprocess.run([*git, "tag"], capture_output=True, text=True, check=True).stdout.split())
    if found := [*problems(options.root, tags), *(uncommitted(options.root) if options.tag else ())]:
        print(*found, sep="\n")
        return 1
    new = [distribution.tag for distribution in distributions(options.root) if distribution.tag not in tags]
    for tag in new:
        if options.tag:
            subprocess.run([*git, "tag", "--annotate", "--message", tag, tag], check=True)
        print(tag if options.tag else f"{tag} (not made: this was a trial)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
