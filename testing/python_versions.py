"""The CPythons to test on: those of this machine, and those that the project's scripts get where they are missing."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent

SUPPORTED = ["3.11", "3.12", "3.13", "3.14", "3.15"]
CANDIDATES = [*SUPPORTED, "3.16"]
FETCHED = ["3.14", "3.15"]
"""What `.ci/newer_pythons` gets where it is missing, unless the session has the argument `ONLY_THOSE_HERE`."""
ONLY_THOSE_HERE = "--system-pythons"
NEWER = ROOT / ".nox" / "newer-pythons"

FREE_THREADED = ["3.15t", "3.14t"]
"""What `freethreaded` looks for on the PATH and under pyenv; else `.ci/free_threaded_python` gets a 3.14t."""

PROBE = """
import sys, sysconfig
if sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED"):
    print(*sys.version_info[:3], sys.executable)
"""


def candidates() -> Iterator[str]:
    """Every program that may be a CPython to test on: this one, those on the PATH, those of pyenv."""
    yield sys.executable
    for version in CANDIDATES:
        for folder in [*os.get_exec_path(), str(NEWER / "bin")]:
            if program := shutil.which(f"python{version}", path=folder):
                yield program
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for path in sorted(pyenv.glob("versions/3.*/bin/python")):
        yield str(path)


def probe(program: str) -> tuple[tuple[int, ...], str] | None:
    """The version and path of *program*, if it runs and is a CPython with a GIL."""
    try:
        run = subprocess.run([program, "-c", PROBE], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None  # such as pyenv's shim of a version that is not active
    major, minor, micro, path = run.stdout.rstrip("\n").split(" ", 3) if run.stdout else ("0", "0", "0", "")
    return (int(major), int(minor), int(micro)), path


@functools.cache
def interpreters() -> dict[str, tuple[str, str]]:
    """The newest CPython of each minor version from 3.11 on: ``{"3.12": ("3.12.1", path)}``."""
    found: dict[tuple[int, int], tuple[tuple[int, ...], str]] = {}
    for program in dict.fromkeys(candidates()):
        result = probe(program)
        if result is None or result[0] < (3, 11):
            continue
        version, _ = result
        if version > found.get(version[:2], ((), ""))[0]:  # type: ignore[call-overload]
            found[version[:2]] = result  # type: ignore[index]
    return {
        ".".join(map(str, minor)): (".".join(map(str, version)), path)
        for minor, (version, path) in sorted(found.items())
    }


def fetch_interpreters() -> None:
    """Get the newest interpreters that this machine lacks; where there is none to be had, it is tested without."""
    if sys.platform != "linux":
        return
    for version in FETCHED:
        if version not in interpreters():
            print(f"CPython {version}: getting it", flush=True)
            if subprocess.run([str(ROOT / ".ci" / "newer_pythons"), str(NEWER), version]).returncode:
                print(f"CPython {version}: there is none to be had", flush=True)
    interpreters.cache_clear()


def offer_interpreters() -> list[str]:
    """Make `interpreters` findable by nox and virtualenv, which look up ``python3.12`` on the PATH."""
    folders = dict.fromkeys(str(Path(path).parent) for _, path in reversed(interpreters().values()))
    os.environ["PATH"] = os.pathsep.join([*folders, os.environ.get("PATH", os.defpath)])
    return list(interpreters())


@functools.cache
def report_interpreters() -> None:
    """Say, once, which interpreters this machine has and which it lacks."""
    for minor, (version, path) in interpreters().items():
        print(f"CPython {minor}: found {version} at {path}", flush=True)
    for minor in SUPPORTED:
        if minor not in interpreters():
            print(f"CPython {minor}: MISSING on this machine, so NOT TESTED", flush=True)


def free_threaded_interpreter() -> str | None:
    """The newest free-threaded CPython of this machine; where it has none, one is got."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for version in FREE_THREADED:
        number = version.removesuffix("t")
        programs = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"versions/{number}.*t/bin/python"))]
        for program in filter(None, programs):
            check = "import sys; sys.exit(sys._is_gil_enabled())"
            if not subprocess.run([program, "-c", check], capture_output=True).returncode:
                return str(program)
    if ONLY_THOSE_HERE in sys.argv or subprocess.run([str(ROOT / ".ci/free_threaded_python"), str(NEWER)]).returncode:
        return None
    return str(NEWER / "bin" / "python3.14t")
