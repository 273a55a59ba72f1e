"""Builds the packages of a git revision, and of the working tree, each into a folder of its own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


class BuildError(Exception):
    """The packages of a revision cannot be built here; the text says why."""


def resolve(revision: str) -> str:
    """:return: the commit's full name.

    :raises BuildError: if there is no such revision.
    """
    return _run(
        "git",
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        f"{revision}^{{commit}}",
        what=f"git revision {revision!r}",
    )


def build_revision(commit: str, place: Path, folders: list[Path]) -> None:
    """Build *commit*'s packages and install them into each of *folders*.

    :param place: a folder for the sources and wheels.
    :raises BuildError: if they cannot be built.
    """
    archive = place / "sources.tar"
    _run("git", "archive", "--format=tar", "--output", str(archive), commit, what=f"the sources of {commit}")
    with tarfile.open(archive) as sources:
        sources.extractall(place / "sources", filter="data")
    _build(place, folders)


def build_working_tree(place: Path, folders: list[Path]) -> None:
    """Build the packages as the files are now, committed or not; else as `build_revision`."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in _run(*listing, what="the files of this checkout").split("\0"):
        if name and (ROOT / name).is_file():  # a file whose deletion is not committed is listed, too
            target = place / "sources" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    _build(place, folders)


def _build(place: Path, folders: list[Path]) -> None:
    packages = sorted(str(path.parent) for path in place.glob("sources/packages/*/pyproject.toml"))
    if not packages:
        raise BuildError("The revision has no packages/*/pyproject.toml.")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    ready = all(importlib.util.find_spec(name) is not None for name in ("hatchling", "setuptools"))
    isolation = ["--no-build-isolation"] if ready else []  # otherwise pip downloads the build tools
    wheels = place / "wheels"
    _run(*pip, "wheel", "--no-deps", *isolation, "--wheel-dir", str(wheels), *packages, what="the wheels")
    for folder in folders:
        files = map(str, sorted(wheels.glob("*.whl")))
        _run(*pip, "install", "--no-deps", "--no-index", "--target", str(folder), *files, what="the installation")


def _run(*command: str, what: str) -> str:
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    try:
        run = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BuildError(f"{what}: {error}") from error
    if run.returncode:
        reason = run.stderr.strip() or run.stdout.strip() or f"exit status {run.returncode}"
        raise BuildError(f"{what}: `{' '.join(command[:4])} ...` failed: {reason}")
    return run.stdout if "-z" in command else run.stdout.strip()
