"""Tries the wheels on interpreters that are not this machine's: ``python foreign_smoke.py WHEELS FOLDER [NAME ...]``.

Each interpreter is put below FOLDER by a script in ``.ci``, once. pip chooses among WHEELS by the tags that this
interpreter accepts, and ``smoke.py`` runs with what it has installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from platform_suite import MissingToolError, find

ROOT = Path(__file__).resolve().parent.parent
VERSION = "import sys; print(*sys.version_info[:2], sep='.')"


@dataclass(frozen=True)
class Foreign:
    """An interpreter, and what it accepts."""

    script: str
    program: str
    platform: str
    abi: str
    """Beside the stable one; ``{}`` is replaced by the version."""
    environment: dict[str, str] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)
    """The Debian packages of programs that the script needs."""


FOREIGN = {
    "aarch64": Foreign(
        "aarch64_python",
        "bin/python3.14",
        "manylinux_2_17_aarch64",
        "cp{}",
        # An emulator allocates the tables of all memory that is reserved, and is slow.
        {"PROCESSING_ARENA_LIMIT": str(1 << 26), "SMOKE_SECONDS": "300"},
        {"qemu-aarch64": "qemu-user"},
    ),
    "musl": Foreign(
        "musl_python",
        "bin/python3",
        "musllinux_1_2_x86_64",
        "cp{}",
        tools={"musl-gcc": "musl-tools linux-libc-dev", "make": "make"},
    ),
    "free-threaded": Foreign("free_threaded_python", "bin/python3.14t", "manylinux_2_17_x86_64", "cp{}t"),
}
FOLDERS = {"free-threaded": "newer-pythons"}  # where the noxfile has it


def program_of(name: str, folder: Path) -> Path:
    """The interpreter, which is fetched or built if it is not there.

    :raises MissingToolError: if it cannot be had.
    """
    foreign = FOREIGN[name]
    for tool in foreign.tools:
        find(tool, foreign.tools)
    place = folder / FOLDERS.get(name, f"{name}-python")
    if subprocess.run([str(ROOT / ".ci" / foreign.script), str(place)]).returncode:
        raise MissingToolError(f"there is no {name} interpreter to be had")
    return place / foreign.program


def installed(name: str, program: Path, wheels: Path, folder: Path) -> Path:
    """A folder with the packages, as pip chooses them for this interpreter."""
    foreign = FOREIGN[name]
    version = subprocess.run([program, "-c", VERSION], capture_output=True, text=True, check=True).stdout.strip()
    target = folder / f"{name}-packages"
    shutil.rmtree(target, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-compile"]
    subprocess.run([*pip, "--only-binary", ":all:", "--target", str(target), "cloudpickle>=3.0"], check=True)
    accepts = ["--python-version", version, "--implementation", "cp", "--platform", foreign.platform]
    for abi in [foreign.abi.format(version.replace(".", "")), *([] if foreign.abi.endswith("t") else ["abi3"]), "none"]:
        accepts += ["--abi", abi]
    ours = ["--no-index", "--find-links", str(wheels), "--only-binary", ":all:", "--upgrade", "--no-deps"]
    names = ["processing", *(f"processing-{part}" for part in ("core", "sync", "queues", "managers", "pool"))]
    subprocess.run([*pip, *ours, *accepts, "--target", str(target), *names], check=True)
    return target


def smoke(name: str, wheels: Path, folder: Path) -> None:
    """Get the interpreter, install, and run the smoke test.

    :raises MissingToolError: if there is no such interpreter to be had.
    :raises subprocess.SubprocessError: if a step fails.
    """
    program = program_of(name, folder)
    target = installed(name, program, wheels, folder)
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment = {**variables, **FOREIGN[name].environment, "PYTHONPATH": str(target)}
    subprocess.run([program, "-m", "compileall", "-q", str(target)], env=environment, check=True)
    script = str(ROOT / "testing" / "smoke.py")
    subprocess.run([program, "-W", "error", script, "processing"], env=environment, check=True, timeout=900)


def main(arguments: list[str]) -> int:
    """:return: the exit code."""
    wheels, folder = (Path(argument).resolve() for argument in arguments[:2])
    failed = []
    for name in arguments[2:] or FOREIGN:
        print(f"== {name}", flush=True)
        try:
            smoke(name, wheels, folder)
        except (MissingToolError, subprocess.SubprocessError) as error:
            print(error, flush=True)
            failed.append(name)
    if failed:
        print(f"NOT PROVED: {', '.join(failed)}", flush=True)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
