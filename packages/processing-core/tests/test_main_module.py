from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PREAMBLE = """
import sys
import processing_core
context = processing_core.get_context({method!r})

def run(target, *args):
    process = context.Process(target=target, args=args, name="child")
    process.start()
    process.join(30)
    print("exit code", process.exitcode)
"""

GUARDED = (
    PREAMBLE
    + """
class Thing:
    def __init__(self, code):
        self.code = code
    def exit(self):
        sys.exit(self.code)

table = {{}}

def fill(code):
    table["code"] = code
    sys.exit(sys.modules["__main__"].table["code"])

print("loaded as", __name__, flush=True)
if __name__ == "__main__":
    run(sys.exit, 3)
    run(fill, 4)
    run(Thing(5).exit)
    run(lambda: Thing(6).exit())
"""
)
RAN = [f"exit code {code}" for code in (3, 4, 5, 6)]

UNGUARDED = (
    PREAMBLE
    + """
def nothing():
    pass

run(nothing)
"""
)

INTERACTIVE = (
    PREAMBLE
    + """
def fill(code):
    sys.exit(code)

class Thing:
    def exit(self):
        fill(4)

run(fill, 3)
run(Thing().exit)
"""
)


def write(folder: Path, name: str, text: str, method: str) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text.format(method=method))
    return path


def python(*arguments: str | Path, cwd: Path, stdin: str | None = None) -> tuple[list[str], str]:
    """The lines that a program printed, and its errors."""
    run = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, input=stdin or "", capture_output=True, text=True, timeout=50
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines(), run.stderr


def check_guarded(lines: list[str], method: str) -> None:
    assert [line for line in lines if line.startswith("exit")] == RAN
    loads = {"fork": 0, "spawn": 4, "forkserver": 1}[method]
    assert lines.count("loaded as __main__") == 1
    assert lines.count("loaded as __mp_main__") == loads


class TestScript:
    @pytest.mark.parametrize("name", ["program.py", "no extension", "dotted.name.py", "folder/program.py"])
    def test_by_path(self, tmp_path: Path, method: str, name: str) -> None:
        path = write(tmp_path, name, GUARDED, method)
        lines, errors = python(path, cwd=tmp_path)
        check_guarded(lines, method)
        assert errors == ""
        assert list(tmp_path.rglob("__pycache__")) == []

    def test_by_relative_path_after_chdir(self, tmp_path: Path, method: str) -> None:
        write(
            tmp_path,
            "program.py",
            GUARDED.replace("run(sys.exit, 3)", "import os; os.chdir('/'); run(sys.exit, 3)"),
            method,
        )
        check_guarded(python("program.py", cwd=tmp_path)[0], method)

    def test_as_module(self, tmp_path: Path, method: str) -> None:
        write(tmp_path, "package/program.py", GUARDED + "from . import helper\n", method)
        write(tmp_path, "package/helper.py", "", method)
        check_guarded(python("-m", "package.program", cwd=tmp_path)[0], method)

    @pytest.mark.parametrize("how", [["-m", "package"], ["package"]])
    def test_as_package(self, tmp_path: Path, method: str, how: list[str]) -> None:
        write(tmp_path, "package/__main__.py", INTERACTIVE, method)
        assert python(*how, cwd=tmp_path)[0] == ["exit code 3", "exit code 4"]

    @pytest.mark.parametrize("option", [["-c"], ["-"]])
    def test_without_a_file(self, tmp_path: Path, method: str, option: list[str]) -> None:
        text = INTERACTIVE.format(method=method)
        arguments, stdin = (["-c", text], "") if option == ["-c"] else (["-"], text)
        assert python(*arguments, cwd=tmp_path, stdin=stdin)[0] == ["exit code 3", "exit code 4"]

    def test_options_are_inherited(self, tmp_path: Path, method: str) -> None:
        text = PREAMBLE + (
            "def show():\n"
            "    print(sys.flags.optimize, sys.flags.dont_write_bytecode, sys.argv[1:])\n"
            "    print(sys._xoptions, sys.warnoptions)\n"
            "if __name__ == '__main__':\n"
            "    show()\n"
            "    run(show)\n"
        )
        path = write(tmp_path, "program.py", text, method)
        lines, _ = python("-OO", "-B", "-X", "dev", "-X", "a=b", "-W", "error", path, "x y", "--z", cwd=tmp_path)
        assert lines[:2] == lines[2:4]
        assert lines[4] == "exit code 0"

    def test_standard_modules_are_not_shadowed_by_the_working_directory(self, tmp_path: Path, method: str) -> None:
        path = write(tmp_path, "folder/program.py", GUARDED, method)
        for name in ["socket", "signal", "subprocess", "typing"]:
            (tmp_path / f"{name}.py").write_text("raise ImportError('shadowed')")
        check_guarded(python(path, cwd=tmp_path)[0], method)


class TestMistakes:
    def test_missing_guard(self, tmp_path: Path, method: str) -> None:
        path = write(tmp_path, "program.py", UNGUARDED, method)
        lines, errors = python(path, cwd=tmp_path)
        if method == "fork":
            assert lines == ["exit code 0"]
            return
        assert lines == ["exit code 1"]
        assert errors.startswith(f'Process child:\nTraceback (most recent call last):\n  File "{path}"')
        assert errors.count("RuntimeError: A process was started while the main module was being loaded") == 1
        assert errors.count("Traceback") == 1
        assert 'if __name__ == "__main__":' in errors

    def test_missing_guard_is_what_the_process_object_tells_of(self, tmp_path: Path, method: str) -> None:
        if method == "fork":
            pytest.skip("the main module is not loaded again")
        text = (
            "import processing_core, sys\n"
            f"process = processing_core.get_context({method!r}).Process()\n"
            "process.start()\n"
            "process.join()\n"
            "print(type(process.exception).__name__, str(process.exception).splitlines()[-2].strip())\n"
        )
        lines, _ = python(write(tmp_path, "program.py", text, method), cwd=tmp_path)
        assert lines == ['RuntimeError if __name__ == "__main__":']

    def test_main_module_that_fails(self, tmp_path: Path, method: str) -> None:
        if method == "fork":
            pytest.skip("the main module is not loaded again")
        text = PREAMBLE + (
            "if __name__ == '__main__':\n    run(print)\n    run(print)\nelse:\n    raise ValueError('does not load')\n"
        )
        lines, errors = python(write(tmp_path, "program.py", text, method), cwd=tmp_path)
        assert lines == ["exit code 1"] * 2
        assert errors.count("ValueError: does not load") == 2

    def test_main_module_that_exits(self, tmp_path: Path, method: str) -> None:
        if method == "fork":
            pytest.skip("the main module is not loaded again")
        text = PREAMBLE + "if __name__ == '__main__':\n    run(print)\nelse:\n    sys.exit(7)\n"
        assert python(write(tmp_path, "program.py", text, method), cwd=tmp_path)[0] == ["exit code 7"]
