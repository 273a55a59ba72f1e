"""Assembles CPython for Windows and runs the project's tests on it, under Wine::

    python windows_suite.py WHEELS 3.11=/usr/bin/python3.11 ... -- [pytest's arguments]
    python windows_suite.py WHEELS 3.13=/usr/bin/python3.13 -- cpython [words]    see windows_cpython.py

The interpreter is the one that panda3d's wheel carries for programs that it packs; the standard library is that of the
CPython of the same version which runs here; `python.exe` and `python3.dll` are a few lines, built by zig.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import windows_cpython
from platform_suite import WINE, find_wine

ROOT = Path(__file__).resolve().parent.parent
SECONDS = float(os.environ.get("WINDOWS_SECONDS", "240"))
"""For the tests of one file; ``WINDOWS_SECONDS`` is another number."""

REQUIREMENTS = ["cloudpickle>=3.0", "pytest>=8", "hypothesis", "colorama", "greenlet"]
NUMPY = {"3.14": "numpy>=2.3"}
"""By version, where `NUMPY_OF_WINE` has none. Wine 8.0 cannot import it: its ucrtbase.dll lacks crealf."""
NUMPY_OF_WINE = "numpy==2.1.3"
"""It does not call crealf."""

EXCLUSIONS = ROOT / "testing" / "windows_exclusions.toml"
"""What is run without arguments, the tests that need not pass, and the faults that may fail any, with reasons."""
TEST_SECONDS = 120
"""For one test; then the stacks are shown, and the rest of its file is not run."""

MAIN = """
#include <wchar.h>
__declspec(dllimport) int Py_Main(int, wchar_t **);
int wmain(int argc, wchar_t **argv) { return Py_Main(argc, argv); }
"""
WRITES_INTO_FILE = """
import subprocess, sys
with open(sys.argv[1], "wb") as file:
    command = [sys.executable, *sys.argv[2:]]
    sys.exit(subprocess.call(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT))
"""
LIBRARY_MAIN = "int DllMainCRTStartup(void *a, unsigned b, void *c) { (void)a, (void)b, (void)c; return 1; }\n"
_CONTROLS = re.compile(r"\x1b\[[^a-zA-Z]*[a-zA-Z]")
"""What a console writes beside the text."""


def zig(*arguments: str) -> None:
    """Run one of zig's tools."""
    subprocess.run([sys.executable, "-m", "ziglang", *arguments], check=True)


def build(kind: list[str], source: str, folder: Path, *inputs: Path, output: Path) -> None:
    """Compile a few lines of C for Windows."""
    file = folder / "source.c"
    file.write_text(source)
    target = ["-target", "x86_64-windows-gnu", "-O2", "-s"]
    zig("cc", *target, *kind, str(file), *map(str, inputs), "-o", str(output))


def assemble(version: str, python: str, place: Path, scratch: Path) -> Path:
    """A CPython for Windows.

    :param version: such as ``3.13``.
    :param python: a CPython of that version which runs here.
    :return: its ``python.exe``.
    """
    number = version.replace(".", "")
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    chosen = ["--platform", "win_amd64", "--python-version", version, "--abi", f"cp{number}", "panda3d"]
    subprocess.run([*download, *chosen, "--dest", str(scratch)], check=True)
    copy_libraries(next(scratch.glob("panda3d-*.whl")), number, place)
    copy_standard_library(python, place / "Lib")
    definition, library = scratch / "python.def", scratch / "python.lib"
    definition.write_text(f"LIBRARY python{number}.dll\nEXPORTS\nPy_Main\n")
    zig("dlltool", "-m", "i386:x86-64", "-d", str(definition), "-l", str(library))
    build(["-municode"], MAIN, scratch, library, output=place / "python.exe")
    forward = scratch / "forward.def"
    forward.write_text(forwarded(python, number))
    build(["-shared", "-nostdlib"], LIBRARY_MAIN, scratch, forward, output=place / "python3.dll")
    return place / "python.exe"


def copy_libraries(wheel: Path, number: str, place: Path) -> None:
    """The interpreter's libraries and extension modules."""
    (place / "DLLs").mkdir(parents=True)
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.namelist():
            name = entry.rpartition("/")[2]
            if not entry.startswith("deploy_libs/") or "t-win_amd64" in name or "test" in name or "_wmi" in name:
                continue
            if name in (f"python{number}.dll", "VCRUNTIME140.dll", "VCRUNTIME140_1.dll"):
                (place / name).write_bytes(archive.read(entry))
            elif name.endswith(".pyd") or re.match(r"(lib\w+-\d+|sqlite3|zlib1)\.dll$", name):
                (place / "DLLs" / name).write_bytes(archive.read(entry))


def library_of(python: str) -> Path:
    """The folder of a CPython's standard library."""
    ask = "import sysconfig; print(sysconfig.get_path('stdlib'))"
    return Path(subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip())


def copy_standard_library(python: str, place: Path) -> None:
    """The standard library of a CPython which runs here, without what is its own."""
    own = ["site-packages", "dist-packages", "lib-dynload", "test", "config-*", "__pycache__", "idlelib", "tkinter"]
    shutil.copytree(library_of(python), place, ignore=shutil.ignore_patterns(*own))
    (place / "site-packages").mkdir()


def forwarded(python: str, number: str) -> str:
    """The definition of a ``python3.dll``, which has the stable ABI of another library."""
    ask = "import sysconfig; print(sysconfig.get_path('include'))"
    include = Path(subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip())
    sys.path.insert(0, str(ROOT / "packages/processing-core/windows"))
    import cross

    lines = ["LIBRARY python3.dll", "EXPORTS"]
    for line in cross.exports(include).splitlines()[2:]:
        name, _, kind = line.partition(" ")
        lines.append(f"{name}=python{number}.{name} {kind}".rstrip())
    return "\n".join([*lines, ""])


def install(version: str, wheels: Path, place: Path) -> None:
    """Install the project and what its tests need."""
    site = place / "Lib" / "site-packages"
    wanted = [*REQUIREMENTS, NUMPY.get(version, NUMPY_OF_WINE)]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(site), "--only-binary", ":all:"]
    subprocess.run([*pip, "--platform", "win_amd64", "--python-version", version, *wanted], check=True)
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)


class Windows:
    """An assembled CPython, and how to run it.

    :param prefix: the folder of a Wine of its own.
    """

    def __init__(self, program: Path, prefix: Path) -> None:
        self._command = [find_wine(), str(program)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PROCESSING"))}
        self._environment = {**kept, **WINE, "WINEPREFIX": str(prefix), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(
        self,
        *arguments: str,
        seconds: float = SECONDS,
        shown: bool = False,
        folder: Path = ROOT,
        variables: Mapping[str, str] | None = None,
    ) -> tuple[bool, str]:
        """Run Python in a console; whether it succeeded, and what it wrote.

        :param shown: it writes into the console, and not into a file.
        :param folder: where it runs.
        :param variables: environment variables that only it has.
        """
        with tempfile.NamedTemporaryFile() as file:
            command = [*self._command, *([] if shown else ["-c", WRITES_INTO_FILE, file.name]), *arguments]
            # A terminal, of which Wine makes a console: without it each child would get a console of its own, whose
            # host Wine starts as the child's child; that inherits what the child has, and no pipe of it ever ends.
            begun = subprocess.Popen(
                ["script", "-qec", shlex.join(command), os.devnull],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**self._environment, **(variables or {})},
                cwd=folder,
                start_new_session=True,
            )
            late = ""
            try:
                written, _ = begun.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                self.end()
                written, _ = begun.communicate()
                late = f"\nnot done in {seconds:g} s\n"
            text = _CONTROLS.sub("", written.decode(errors="replace"))
            return begun.returncode == 0 and not late, text + file.read().decode(errors="replace") + late

    def end(self) -> None:
        """End all programs of this Wine."""
        subprocess.run(["wineserver", "-k"], env=self._environment, check=False)


class Selection:
    """The files that are run, and the tests of them that are not.

    :param arguments: of the command line: files and folders, and options of pytest's.
    """

    def __init__(self, arguments: list[str]) -> None:
        listed = tomllib.loads(EXCLUSIONS.read_text())
        self._reasons: dict[str, str] = {entry["test"]: entry["reason"] for entry in listed["exclusion"]}
        self._faults: dict[str, str] = {entry["text"]: entry["reason"] for entry in listed["fault"]}
        chosen = [argument for argument in arguments if argument.startswith(("packages", "tests"))]
        self.options = [argument for argument in arguments if argument not in chosen]
        self.files = [file for argument in chosen or listed["files"] for file in _files_of(argument)]

    def excluded(self, file: str) -> dict[str, str]:
        """The tests of a file that are not run; why."""
        return {test: reason for test, reason in self._reasons.items() if test.partition("::")[0] == file}

    def fault(self, written: str) -> str | None:
        """The fault of Wine's, as listed, that failed a test which wrote this."""
        return next((reason for text, reason in self._faults.items() if text in written), None)

    def pytest(self, file: str) -> list[str]:
        """The arguments that run a file."""
        limit = ["-o", f"faulthandler_timeout={TEST_SECONDS}", "-o", "faulthandler_exit_on_timeout=true"]
        left = [f"--deselect={test}" for test in self.excluded(file)]
        return ["-m", "pytest", "-q", "-p", "no:cacheprovider", *limit, file, *left, *self.options]


def _files_of(argument: str) -> list[str]:
    folder = ROOT / argument
    return sorted(str(f.relative_to(ROOT)) for f in folder.rglob("test_*.py")) if folder.is_dir() else [argument]


def printed(windows: Windows, *arguments: str, variables: Mapping[str, str] | None = None) -> bool:
    """Run a program, and show what it wrote; whether it succeeded."""
    good, written = windows.run("-W", "error", *arguments, variables=variables)
    print(written, end="", flush=True)
    return good


def try_programs(windows: Windows, wheels: Path, place: Path) -> bool:
    """Run an example, and `processing_pool` where only its own dependencies are; whether both succeeded."""
    folder = place / "pool-alone"
    patterns = [f"processing_{name}-*.whl" for name in ("core", "sync", "queues", "pool")]
    for wheel in [found for pattern in patterns for found in wheels.glob(pattern)]:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    shutil.copytree(place / "Lib" / "site-packages" / "cloudpickle", folder / "cloudpickle")
    alone = printed(windows, "-S", "testing/smoke.py", "processing_pool", variables={"PYTHONPATH": str(folder)})
    return printed(windows, "examples/census.py", "--limit", "30") and alone


def try_version(windows: Windows, wheels: Path, place: Path, arguments: list[str]) -> bool:
    """Run the programs and the tests; whether all passed."""
    good = printed(windows, "testing/smoke.py", "processing")
    if not arguments:
        good = try_programs(windows, wheels, place) and good
        interrupted, written = windows.run("testing/windows_interrupts.py", shown=True)
        print(written, end="", flush=True)
        good = good and interrupted
    selection = Selection(arguments)
    for file in selection.files:
        if file in selection.excluded(file):
            print(f"{file}: not run: {selection.excluded(file)[file]}", flush=True)
            continue
        passed, written = windows.run(*selection.pytest(file))
        if not passed and (reason := selection.fault(written)):
            print(f"{file}: run once more: {reason}", written, sep="\n", flush=True)
            passed, written = windows.run(*selection.pytest(file))
        print(f"{file}: {written.strip().rpartition(chr(10))[2]}", flush=True)
        if not passed:
            print(written, flush=True)
            good = False
    return good


def main(arguments: list[str]) -> int:
    """:return: the exit code."""
    split = arguments.index("--") if "--" in arguments else len(arguments)
    (wheels, *programs), rest = arguments[:split], arguments[split + 1 :]
    results = {}
    for version, _, python in (program.partition("=") for program in programs):
        with tempfile.TemporaryDirectory(prefix="processing-windows-") as folder:
            place, scratch = Path(folder) / "python", Path(folder) / "scratch"
            scratch.mkdir()
            program = assemble(version, python, place, scratch)
            install(version, Path(wheels), place)
            if rest[:1] == ["cpython"]:
                windows_cpython.prepare(library_of(python), place)
            # Each child would compile what it imports: this takes longer under Wine than its start.
            subprocess.run([python, "-m", "compileall", "-q", str(place / "Lib")], check=False)
            sides = [Windows(program, Path(folder) / f"prefix{number}") for number in range(2)]
            try:
                if rest[:1] == ["cpython"]:
                    results[version] = windows_cpython.compare(*sides, rest[1:])
                else:
                    results[version] = try_version(sides[0], Path(wheels), place, rest)
            finally:
                for windows in sides:
                    windows.end()
    print("tried under Wine alone, which is not Windows:", end=" ")
    print(*(f"CPython {version} {'passed' if good else 'FAILED'}" for version, good in results.items()), sep=", ")
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
