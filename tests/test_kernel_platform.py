"""Outside ``kernel/platform/`` no file of the kernel names a system, a system call or words of a compiler.

There is no list of exceptions.  A portable file calls the kernel, the platform's contract, Python and standard C;
everything else that could be called belongs behind ``platform.h``.
"""

from __future__ import annotations

import importlib.util
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
CORE = ROOT / "packages/processing-core"
KERNEL = CORE / "kernel"

HEADERS = "Python structmember errno float limits math signal stdbool stddef stdint stdio stdlib string wchar"
WORDS_OF_THE_LANGUAGE = {"_Alignas", "_Alignof", "_Bool", "_Noreturn", "_Static_assert"}
NO_CALLS = "bool defined for if outcome return sizeof switch uint64_t void while"
STANDARD_C = (
    "abort calloc free isinf isnan malloc memchr memcmp memcpy memmove memset offsetof qsort realloc snprintf strchr"
    " strcmp strlen strncmp strncpy strnlen strrchr"
)

COMMENT_OR_TEXT = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'""", re.DOTALL)
INCLUDE = re.compile(r"#\s*include\s*<([^>]+)>")
RESERVED = re.compile(r"\b_(?:_|[A-Z])\w*|\b(?:asm|linux|unix|volatile)\b|\b(?:atomic|memory_order)_\w+|#\s*pragma\b")
CALL = re.compile(r"(?<![\w.>#])(\w+)\s*\(")
MACRO = re.compile(r"#\s*define\s+(\w+)")
X_MACRO = re.compile(r"#\s*define\s+\w+\((X)\)")
DECLARED = re.compile(r"^\w[^;{}=]*?\b(\w+)\([^;{}]*\)\s*[{;]", re.MULTILINE)
POINTER = re.compile(r"\(\*(?:const )?(\w+)(?:\[\])?\)\(")
POINTER_TYPE = re.compile(r"typedef[^;]*\(\*(\w+)\)\(")
POINTER_TYPES_OF_PYTHON = "allocfunc freefunc destructor traverseproc iternextfunc getiterfunc newfunc"


def portable_files(kernel: Path) -> list[Path]:
    return [path for path in sorted(kernel.rglob("*.[ch]")) if "platform" not in path.relative_to(kernel).parts]


def code_of(path: Path) -> str:
    return COMMENT_OR_TEXT.sub(" ", path.read_text())


def declared(texts: list[str]) -> set[str]:
    """Functions, macros and pointers to functions that *texts* declare."""
    types = {name for text in texts for name in POINTER_TYPE.findall(text)} | set(POINTER_TYPES_OF_PYTHON.split())
    variable = re.compile(rf"\b(?:{'|'.join(types)}) (\w+)")
    return {
        name
        for text in texts
        for pattern in (MACRO, X_MACRO, DECLARED, POINTER, variable)
        for name in pattern.findall(text)
    }


def trespasses(kernel: Path) -> list[str]:
    """Each name that a portable file uses and that belongs behind the contract."""
    code = {path: code_of(path) for path in portable_files(kernel)}
    contract = [code_of(path) for path in sorted((kernel / "platform").glob("*.h"))]
    known = declared([*code.values(), *contract]) | {*NO_CALLS.split(), *STANDARD_C.split(), *WORDS_OF_THE_LANGUAGE}
    found = []
    for path, text in code.items():
        names = {f"<{name}>" for name in INCLUDE.findall(text) if name.removesuffix(".h") not in HEADERS.split()}
        names |= {name for name in RESERVED.findall(text) if name not in WORDS_OF_THE_LANGUAGE and name[1:3] != "Py"}
        names |= {name for name in CALL.findall(text) if name not in known and not re.match(r"_?Py[A-Z_]", name)}
        found += [f"{path.relative_to(kernel)}: {name}" for name in sorted(names)]
    return found


def test_nothing_outside_the_platform_names_a_system() -> None:
    assert trespasses(KERNEL) == []


@pytest.mark.parametrize(
    "line",
    [
        "#include <unistd.h>",
        "#include <stdatomic.h>",
        "#ifdef __linux__\n#endif",
        "#ifdef _WIN32\n#endif",
        "#ifdef linux\n#endif",
        "int f(int fd) { close(fd); return 0; }",
        "int f(void) { return sched_yield(); }",
        "unsigned f(unsigned long long x) { return __builtin_ctzll(x); }",
        "struct __attribute__((packed)) s { char a; int b; };",
        "#define _GNU_SOURCE",
        'void f(void) { asm("nop"); }',
        "static _Thread_local int here;",
        "static volatile int here;",
        "static _Atomic int here;",
        "int f(word64 *w) { return atomic_load(&w->bits); }",
    ],
)
def test_each_kind_would_be_found(line: str, tmp_path: Path) -> None:
    (tmp_path / "platform").mkdir()
    (tmp_path / "arena").mkdir()
    (tmp_path / "platform" / "posix.c").write_text(line)
    assert trespasses(tmp_path) == []
    (tmp_path / "arena" / "portable.c").write_text(line)
    assert len(trespasses(tmp_path)) >= 1


def test_the_contract_needs_no_python() -> None:
    texts = [path.read_text() for path in (KERNEL / "platform").rglob("*.[ch]")]
    assert texts and not any("Python.h" in text for text in texts)


@pytest.fixture(name="hatch_build")
def load_hatch_build() -> ModuleType:
    pytest.importorskip("hatchling")
    spec = importlib.util.spec_from_file_location("hatch_build_of_core", CORE / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("system", ["linux", "darwin", "posix-minimal", "win32"])
def test_each_function_of_the_contract_is_implemented_once(system: str, hatch_build: ModuleType) -> None:
    contract = DECLARED.findall(COMMENT_OR_TEXT.sub(" ", (KERNEL / "platform/platform.h").read_text()))
    every = hatch_build.sources_for_platform(KERNEL, system)
    sources = [path for path in every if "platform" in path.relative_to(KERNEL).parts]
    implemented = [
        name
        for path in sources
        for name in re.findall(r"^(?!static)\w[^;{}=\n]*?\b(\w+)\([^;{}]*\)\s*\{", code_of(path), re.M)
    ]
    assert sorted(contract) == sorted(set(implemented) & set(contract))
    assert all(implemented.count(name) == 1 for name in contract)


@pytest.mark.parametrize("target", ["native", "posix-minimal", "pages-64k"])
def test_the_conformance_suite_passes_here(target: str) -> None:
    """``nox -s platform`` runs it on other C libraries and processors, too."""
    suite = ROOT / "testing" / "platform_suite.py"
    run = subprocess.run([sys.executable, str(suite), target], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert " 0 failed, 0 not proved" in run.stdout


class TestSources:
    """``kernel/SOURCES``, from which the build and the platform's suite take what to compile."""

    def test_the_suite_compiles_what_the_build_compiles(self, hatch_build: ModuleType) -> None:
        suite = runpy.run_path(str(ROOT / "testing" / "platform_suite.py"))
        compiled = {path for path in suite["sources"]("linux") if "tests" not in path.relative_to(KERNEL).parts}
        built = hatch_build.sources_for_platform(KERNEL, "linux")
        assert compiled == {path for path in built if "platform" in path.relative_to(KERNEL).parts}
        with pytest.raises(ValueError, match="'plan9'"):
            suite["sources"]("plan9")

    def test_the_kernel_for_windows_has_the_folder_of_windows(self, hatch_build: ModuleType) -> None:
        suite = runpy.run_path(str(ROOT / "testing" / "platform_suite.py"))
        built = {path.relative_to(KERNEL).parts for path in hatch_build.sources_for_platform(KERNEL, "win32")}
        assert {parts[1] for parts in built if parts[0] == "platform"} == {"windows"}
        assert not any("posix" in path.name for path in suite["sources"]("windows"))

    def test_the_list_and_the_folder_agree(self, hatch_build: ModuleType) -> None:
        sources = hatch_build.sources_for_platform(KERNEL, sys.platform)
        assert KERNEL / "module.c" in sources
        assert not any("tests" in path.relative_to(KERNEL).parts for path in sources)

    @pytest.mark.parametrize("change", ["missing", "unlisted"])
    def test_a_difference_is_an_error(self, change: str, hatch_build: ModuleType, tmp_path: Path) -> None:
        (tmp_path / "SOURCES").write_text("[all]\nhere.c\n[linux]\nplatform/linux.c\n")
        for name in ["here.c", "platform/linux.c", "platform/tests/suite.c"]:
            (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
            (tmp_path / name).write_text("")
        assert hatch_build.sources_for_platform(tmp_path, "linux") == [
            tmp_path / "here.c",
            tmp_path / "platform/linux.c",
        ]
        (tmp_path / "here.c").rename(tmp_path / "there.c") if change == "missing" else (tmp_path / "new.c").touch()
        with pytest.raises(hatch_build.KernelBuildError, match="here.c" if change == "missing" else "new.c"):
            hatch_build.sources_for_platform(tmp_path, "linux")

    def test_a_system_without_a_folder_is_an_error(self, hatch_build: ModuleType) -> None:
        with pytest.raises(hatch_build.KernelBuildError, match="'plan9'"):
            hatch_build.sources_for_platform(KERNEL, "plan9")
