"""Builds and runs the conformance suite of the kernel's platform: ``python platform_suite.py [TARGET ...]``.

Each target is a C library or a processor. A tool that is missing is installed by apt, if this user may do that; if not,
the target fails. Nothing is skipped.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

KERNEL = Path(__file__).resolve().parent.parent / "packages/processing-core/kernel"
FLAGS = ["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", f"-I{KERNEL}"]
SECONDS = 300  # for one run; the slowest takes 10


@dataclass
class Target:
    """What the suite is built for, and how it is run."""

    compiler: str
    flags: list[str] = field(default_factory=list)
    emulator: str | None = None
    system: str = "linux"
    """The section of ``kernel/SOURCES`` that is compiled."""
    page: int | None = None
    """The bytes of a page that are simulated (``pages.c``)."""
    packages: dict[str, str] = field(default_factory=dict)
    """The Debian package of each program."""
    environment: dict[str, str] = field(default_factory=dict)
    console: bool = False
    """Whether it is run in a terminal of its own: without a console Windows has no Ctrl-C."""


WINE = {"WINEARCH": "win64", "WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml,winedbg=", "DISPLAY": ""}
"""Variables for every program that runs under Wine; ``WINEPREFIX`` is to be a folder of its own."""
WINE_PLACES = ["/usr/lib/wine", "/usr/lib/x86_64-linux-gnu/wine"]
"""Where Debian has the 64-bit loader itself: its ``wine`` complains that there is none for 32 bits."""

TARGETS = {
    "native": Target(os.environ.get("CC", "cc"), packages={"cc": "gcc libc6-dev"}),
    "posix-minimal": Target(os.environ.get("CC", "cc"), system="posix-minimal", packages={"cc": "gcc libc6-dev"}),
    "macos": Target("clang", system="macos"),
    "pages-16k": Target("gcc", page=16384, packages={"gcc": "gcc libc6-dev"}),
    "pages-64k": Target("gcc", page=65536, packages={"gcc": "gcc libc6-dev"}),
    "sanitized": Target(
        "gcc",
        ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
        packages={"gcc": "gcc libc6-dev"},
    ),
    "musl": Target("musl-gcc", ["-static"], packages={"musl-gcc": "musl-tools linux-libc-dev"}),
    "aarch64": Target(
        "aarch64-linux-gnu-gcc",
        ["-static"],
        emulator="qemu-aarch64",
        packages={
            "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
            "qemu-aarch64": "qemu-user",
        },
    ),
    "windows": Target(
        f"{sys.executable} -m ziglang cc",
        ["-target", "x86_64-windows-gnu"],
        system="windows",
        environment={**WINE, "CONFORMANCE_RESERVE": str(1 << 30)},
        console=True,
    ),
}


class MissingToolError(Exception):
    """A program is not there and cannot be installed."""


def find(program: str, packages: dict[str, str]) -> str:
    """The path of *program*, which is installed if it is missing.

    :raises MissingToolError: if that fails.
    """
    if path := shutil.which(program.split()[0]):
        return path
    wanted = packages.get(program, program)
    install = ["apt-get", "install", "--yes", "--quiet", *wanted.split()]
    print(f"{program} is missing: {' '.join(install)}", flush=True)
    if shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "--quiet"], stdout=subprocess.DEVNULL, check=False)
        subprocess.run(install, stdout=subprocess.DEVNULL, check=False)
    if path := shutil.which(program):
        return path
    raise MissingToolError(f"{program} is missing and could not be installed; Debian and Ubuntu have it in {wanted}")


def find_wine() -> str:
    """The path of Wine's 64-bit loader, which is installed if it is missing.

    :raises MissingToolError: if that fails.
    """
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), *WINE_PLACES])
    return find("wine64", {"wine64": "--no-install-recommends wine wine64"})


def kernel_headers(folder: Path) -> list[str]:
    """Flags with which musl's compiler finds the system's own headers, which it leaves to the distribution."""
    machine = subprocess.run(["gcc", "-print-multiarch"], capture_output=True, text=True, check=True).stdout.strip()
    folder.mkdir()
    for name, places in {"linux": [""], "asm-generic": [""], "asm": [machine, ""]}.items():
        found = [Path("/usr/include", place, name) for place in places if Path("/usr/include", place, name).exists()]
        if not found:
            raise MissingToolError(f"<{name}/...> is missing; Debian and Ubuntu have it in linux-libc-dev")
        (folder / name).symlink_to(found[0])
    return ["-idirafter", str(folder)]


def sources(system: str) -> list[Path]:
    """The files that ``kernel/SOURCES`` lists for a system, and those of the suite.

    :raises ValueError: if nothing is listed for it.
    """
    section, listed = "all", []
    for line in (KERNEL / "SOURCES").read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("["):
            section = text.strip("[]")
        elif text and system in section.split():
            listed.append(KERNEL / text)
    if not listed:
        raise ValueError(f"kernel/SOURCES lists nothing for {system!r}")
    others = {"windows": "posix"}.get(system, "windows")
    tests = sorted((KERNEL / "platform/tests").glob("*.c"))
    return [*listed, *(test for test in tests if not test.stem.endswith(f"_{others}"))]


def build(name: str, target: Target, folder: Path) -> Path:
    """Compile the suite."""
    program = folder / "conformance"
    compiler = [find(target.compiler, target.packages), *target.compiler.split()[1:]]
    headers = kernel_headers(folder / "headers") if name == "musl" else []
    files = map(str, sources(target.system))
    subprocess.run([*compiler, *FLAGS, *target.flags, *headers, "-o", str(program), *files], check=True)
    return program


def build_pages(target: Target, folder: Path) -> str:
    """Compile what simulates larger pages; return its path."""
    library = folder / "pages.so"
    flags = ["-shared", "-fPIC", "-O2", "-Wall", "-Werror"]
    source = str(Path(__file__).parent / "pages.c")
    compiler = find(target.compiler, target.packages)
    subprocess.run([compiler, *flags, "-o", str(library), source, "-ldl"], check=True)
    return str(library)


def run(name: str) -> bool:
    """Build and run the suite for one target: whether every check passed."""
    target = TARGETS[name]
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}  # the search for leaks needs a descriptor
    environment.update(target.environment)
    with tempfile.TemporaryDirectory(prefix="processing-platform-") as folder:
        try:
            command = [str(build(name, target, Path(folder)))]
            if target.page:
                environment |= {"LD_PRELOAD": build_pages(target, Path(folder)), "SIMULATED_PAGE": str(target.page)}
            if target.system == "windows":
                environment["WINEPREFIX"] = f"{folder}/prefix"
                command.insert(0, find_wine())
            if target.console:
                command = ["script", "-qec", shlex.join(command), "/dev/null"]
            if target.emulator:
                emulator = find(target.emulator, target.packages)
                command.insert(0, emulator)
                environment["CONFORMANCE_RUN"] = emulator
                environment["CONFORMANCE_RESERVE"] = str(1 << 28)  # an emulator allocates reserved memory
            result = subprocess.run(
                command, env=environment, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL
            ).returncode
        except (MissingToolError, subprocess.SubprocessError) as error:
            print(error, flush=True)
            return False
    return result == 0


def main(names: list[str]) -> int:
    """:return: the exit code."""
    if unknown := set(names) - TARGETS.keys():
        print(f"unknown: {', '.join(sorted(unknown))}; the targets are {', '.join(TARGETS)}")
        return 2
    results = {}
    for name in names or (name for name in TARGETS if (name == "macos") == (sys.platform == "darwin")):
        print(f"== {name}", flush=True)
        results[name] = run(name)
    print(*(f"{name}: {'passed' if passed else 'FAILED'}" for name, passed in results.items()), sep="\n")
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
