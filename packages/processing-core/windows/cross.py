"""Compiles the kernel for Windows on another system, by zig's clang (``pip install ziglang``).

The stable ABI needs no library of CPython's: what `python3.dll` exports is written in CPython's headers, and they are
the same on all systems but for ``pyconfig.h``, of which the one beside this file is for Windows.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

__all__ = ["TARGETS", "CrossCompilationError", "compile_extension"]

TARGETS = {
    "windows-x86_64": ("x86_64-windows-gnu", "i386:x86-64", "win_amd64"),
    "windows-aarch64": ("aarch64-windows-gnu", "arm64", "win_arm64"),
}
"""What ``PROCESSING_TARGET`` may be: zig's name of it, that of its library tool, and the wheel's platform tag."""

COMPILE = ["-std=gnu11", "-O2", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror=implicit-function-declaration"]
FUNCTION = re.compile(r"PyAPI_FUNC\([^()]*\)\s*(?:_Py_NO_RETURN\s+)?(\w+)")
DATA = re.compile(r"PyAPI_DATA\([^()]*\)\s*\(?(\w+)")
SIZED = [
    "_PyArg_ParseTupleAndKeywords_SizeT",
    "_PyArg_ParseTuple_SizeT",
    "_PyObject_CallFunction_SizeT",
    "_PyObject_CallMethod_SizeT",
    "_Py_BuildValue_SizeT",
]
"""Functions of every stable ABI that newer headers do not declare."""


class CrossCompilationError(Exception):
    """The compiler is missing, or has rejected the kernel."""


def compile_extension(
    target: str, name: str, sources: list[Path], macros: Iterable[tuple[str, str]], kernel: Path, scratch: Path
) -> Path:
    """Compile *sources* into ``name.pyd``.

    :param target: one of :data:`TARGETS`.
    :raises CrossCompilationError: if that fails.
    """
    triple, machine, _ = TARGETS[target]
    include = windows_headers(scratch / "include")
    definition = scratch / "python3.def"
    definition.write_text(exports(include))
    library = scratch / "python3.lib"
    zig("dlltool", "-m", machine, "-d", str(definition), "-l", str(library))
    flags = [*COMPILE, *(f"-D{key}={value}" for key, value in macros), f"-I{kernel}", f"-I{include}"]
    objects = [scratch / f"{number}.o" for number in range(len(sources))]

    def compile_one(source: Path, made: Path) -> None:
        zig("cc", "-target", triple, *flags, "-c", str(source), "-o", str(made))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, sources, objects))
    built = scratch / f"{name}.pyd"
    zig("cc", "-target", triple, "-shared", "-s", "-O2", *map(str, objects), str(library), "-o", str(built))
    return built


def zig(*arguments: str) -> None:
    """Run one of zig's tools.

    :raises CrossCompilationError: if it fails.
    """
    run = subprocess.run([sys.executable, "-m", "ziglang", *arguments], capture_output=True, text=True, check=False)
    print(run.stderr, end="", file=sys.stderr)
    if run.returncode:
        raise CrossCompilationError(f"zig {arguments[0]} failed: {run.stderr.strip() or run.stdout.strip()}")


def windows_headers(folder: Path) -> Path:
    """This Python's headers, with the configuration of Windows."""
    shutil.copytree(sysconfig.get_path("include"), folder)
    shutil.copyfile(Path(__file__).parent / "pyconfig.h", folder / "pyconfig.h")
    return folder


def exports(include: Path) -> str:
    """The definition of ``python3.dll``, as far as the headers tell: what is not in the stable ABI is not used."""
    functions, data = set(SIZED), set[str]()
    for header in include.glob("*.h"):
        text = header.read_text(errors="replace")
        functions.update(FUNCTION.findall(text))
        data.update(DATA.findall(text))
    names = [*sorted(functions - data), *(f"{name} DATA" for name in sorted(data))]
    return "\n".join(["LIBRARY python3.dll", "EXPORTS", *names, ""])
