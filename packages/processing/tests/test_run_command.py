"""``python -m processing run``: programs are run as the interpreter runs them, on this package."""

import py_compile
import subprocess
import sys
import zipapp
from pathlib import Path

import pytest

from processing_testing.harness.mechanisms import START_METHODS

SHOW = """
import multiprocessing, sys
print(__name__, multiprocessing.__name__, sys.argv[1:], sys.path[0], __spec__ and __spec__.name, __package__)
print(__file__, sys.argv[0])
"""

POOL = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

def module(number):
    return multiprocessing.__name__, number

if __name__ == "__main__":
    with multiprocessing.Pool(2) as pool:
        print(pool.map(module, range(3)))
    with ProcessPoolExecutor(1) as executor:
        print(executor.submit(module, 3).result(), type(executor).__module__)
"""


def run(*arguments: object, cwd: Path, plain: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a program by the command, or plainly."""
    command = [sys.executable, *([] if plain else ["-m", "processing", "run"]), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def as_without(text: str) -> str:
    return text.replace(" processing ", " multiprocessing ")


def script(folder: Path, source: str, name: str = "program.py") -> Path:
    path = folder / name
    path.write_text(source)
    return path


def make_script(folder: Path) -> list[object]:
    return [script(folder, SHOW)]


def make_relative_script(folder: Path) -> list[object]:
    script(folder, SHOW)
    return ["program.py"]


def make_linked_script(folder: Path) -> list[object]:
    (folder / "elsewhere").mkdir()
    (folder / "link").symlink_to(script(folder / "elsewhere", SHOW))
    return [folder / "link"]


def make_compiled(folder: Path) -> list[object]:
    compiled = folder / "program.pyc"
    py_compile.compile(str(script(folder, SHOW)), str(compiled))
    return [compiled]


def make_folder(folder: Path) -> list[object]:
    (folder / "app").mkdir()
    script(folder / "app", SHOW, "__main__.py")
    return [folder / "app"]


def make_archive(folder: Path) -> list[object]:
    make_folder(folder)
    zipapp.create_archive(folder / "app", folder / "app.pyz", interpreter="/usr/bin/env python3")
    return [folder / "app.pyz"]


def make_module(folder: Path) -> list[object]:
    script(folder, SHOW, "some_module.py")
    return ["-m", "some_module"]


def make_package(folder: Path) -> list[object]:
    (folder / "some_package").mkdir()
    script(folder / "some_package", "import multiprocessing", "__init__.py")
    script(folder / "some_package", SHOW, "__main__.py")
    return ["-m", "some_package"]


@pytest.mark.parametrize(
    "make",
    [
        make_script,
        make_relative_script,
        make_linked_script,
        make_compiled,
        make_folder,
        make_archive,
        make_module,
        make_package,
    ],
)
def test_a_program_finds_what_the_interpreter_gives_it(tmp_path: Path, make: object) -> None:
    assert callable(make)
    program = make(tmp_path)
    arguments = ["-x", "--start-method", "a b", "-m", "--", "--help"]
    plainly = run(*program, *arguments, cwd=tmp_path, plain=True)
    result = run(*program, *arguments, cwd=tmp_path)
    assert plainly.returncode == 0, plainly.stderr
    assert (as_without(result.stdout), result.stderr, result.returncode) == (plainly.stdout, "", 0)
    assert result.stdout.startswith("__main__ processing ")


def test_a_command_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = script(tmp_path, f"#!{sys.executable}\n{SHOW}", "some-command")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run("some-command", "--version", cwd=tmp_path.parent)
    assert result.stdout.startswith("__main__ processing ['--version'] "), result.stderr


@pytest.mark.parametrize("method", ["", *START_METHODS])
@pytest.mark.parametrize("by_name", [False, True])
def test_workers_of_a_program(tmp_path: Path, method: str, by_name: bool) -> None:
    path = script(tmp_path, POOL)
    options = ["--start-method", method] if method else []
    result = run(*options, *(["-m", "program"] if by_name else [path]), cwd=tmp_path)
    assert (result.stderr, result.returncode) == ("", 0)
    assert result.stdout.splitlines() == [
        "[('processing', 0), ('processing', 1), ('processing', 2)]",
        "('processing', 3) processing_pool",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "import sys; sys.exit(3)",
        "import sys; sys.exit('a message')",
        "def fail():\n    raise ValueError('wrong')\nfail()",
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise KeyError('k') from error",
        "import atexit\natexit.register(print, 'at exit')\nprint('end')",
        "import sys\nsys.excepthook = lambda *error: print('hook', error[0].__name__)\n1 / 0",
        "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()",
    ],
)
def test_a_program_ends_as_it_does_without_the_command(tmp_path: Path, source: str) -> None:
    path = script(tmp_path, source)
    plainly, result = run(path, cwd=tmp_path, plain=True), run(path, cwd=tmp_path)
    assert (result.stdout, result.stderr, result.returncode) == (plainly.stdout, plainly.stderr, plainly.returncode)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "which program?"),
        (["nothing.py"], "there is no file 'nothing.py', and no command of that name"),
        (["-m", "no_such_module"], "'no_such_module'"),
        (["-m", "email"], "'email'"),
        (["/bin/sh"], "'/bin/sh' is no program in Python"),
        (["shell-script"], "'shell-script' is no program in Python"),
        (["empty"], "'empty' has no module __main__"),
        (["--start-method", "thread", "x.py"], "invalid choice: 'thread'"),
    ],
)
def test_what_cannot_be_run_is_named(tmp_path: Path, arguments: list[str], message: str) -> None:
    script(tmp_path, "#!/bin/sh\necho\n", "shell-script")
    (tmp_path / "empty").mkdir()
    result = run(*arguments, cwd=tmp_path)
    assert (result.stdout, result.returncode) == ("", 2)
    assert message in result.stderr


def test_an_error_of_a_modules_own_import_is_not_hidden(tmp_path: Path) -> None:
    script(tmp_path, "import no_such_library", "some_module.py")
    result = run("-m", "some_module", cwd=tmp_path)
    assert result.returncode == 1
    assert "No module named 'no_such_library'" in result.stderr


TOOL = """
import os, sys
from multiprocessing import spawn
from multiprocessing.process import BaseProcess

original, original_data = BaseProcess._bootstrap, spawn.get_preparation_data

def measured(self, *args, **kwargs):
    print("begin", flush=True)
    try:
        return original(self, *args, **kwargs)
    finally:
        print("end", flush=True)

def install():
    BaseProcess._bootstrap = measured

class Tool:
    def __getstate__(self):
        return {"installed": True}
    def __setstate__(self, state):
        install()

def data(name):
    return {**original_data(name), "tool": Tool()}

def follow_children():
    install()
    spawn.get_preparation_data = data
"""

USER_OF_THE_TOOL = """
import multiprocessing, sys
import tool

def target():
    print("target", flush=True)
    sys.exit(3)

if __name__ == "__main__":
    tool.follow_children()
    for _ in range(2):
        process = multiprocessing.Process(target=target)
        process.start()
        process.join()
        print(process.exitcode, flush=True)
"""


@pytest.mark.parametrize("method", START_METHODS)
def test_a_tool_that_wraps_what_a_child_runs(tmp_path: Path, method: str) -> None:
    """By the private method and the data by which tools follow the children of `multiprocessing`."""
    script(tmp_path, TOOL, "tool.py")
    path = script(tmp_path, USER_OF_THE_TOOL)
    result = run("--start-method", method, path, cwd=tmp_path)
    assert (result.stderr, result.returncode) == ("", 0)
    assert result.stdout.split() == ["begin", "target", "end", "3"] * 2


MEASURED = """
import multiprocessing

def only_in_a_child(x):
    y = x + 1
    return y

if __name__ == "__main__":
    pool = multiprocessing.Pool(1)
    print(pool.map(only_in_a_child, [1]))
    pool.close()
    pool.join()
"""


@pytest.mark.parametrize("method", START_METHODS)
def test_coverage_follows_children(tmp_path: Path, method: str) -> None:
    pytest.importorskip("coverage")
    script(tmp_path, "[run]\nconcurrency = multiprocessing\nparallel = true\nsource = .\n", ".coveragerc")
    path = script(tmp_path, MEASURED)
    result = run("--start-method", method, "-m", "coverage", "run", path, cwd=tmp_path)
    assert (result.stdout, result.returncode) == ("[2]\n", 0), result.stderr
    for arguments in (["combine", "-q"], ["report", "-m"]):
        result = run("-m", "coverage", *arguments, cwd=tmp_path, plain=True)
    assert "program.py" in result.stdout and "100%" in result.stdout.splitlines()[-1], result.stdout


def test_the_programs_collections_do_not_look_at_what_exists_before_it(tmp_path: Path) -> None:
    program = script(tmp_path, "import gc; print(len(gc.get_objects()))")
    assert int(run(program, cwd=tmp_path).stdout) < 500 < int(run(program, cwd=tmp_path, plain=True).stdout)
