from __future__ import annotations

import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from processing_testing.harness.mechanisms import needs_forkserver

PREAMBLE = """
import sys
import processing_core
context = processing_core.get_context({method!r})

def run(target, *args):
    process = context.Process(target=target, args=args, name="child")
    process.start()
    process.join(30)
    # The whole line in one write, even where stdout is unbuffered: the forkserver's spares write to it, too.
    sys.stdout.write(f"exit code {{process.exitcode}}\\n")
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

sys.stdout.write(f"loaded as {{__name__}}\\n")
sys.stdout.flush()
if __name__ == "__main__":
    run(sys.exit, 3)
    run(fill, 4)
    run(Thing(5).exit)
    run(lambda: Thing(6).exit())
"""
)
RAN = [f"exit code {code}" for code in (3, 4, 5, 6)]

FAILING = """
import sys
import processing_core
def fail():
    raise ValueError("it is told of")
if __name__ == "__main__":
    process = processing_core.get_context(sys.argv[1]).Process(target=fail)
    process.start()
    process.join()
    assert process.exitcode == 1
"""

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
    least, most = {"fork": (0, 0), "spawn": (4, 4), "forkserver": (4, 8)}[
        method
    ]  # spares that are not used run it, too
    assert lines.count("loaded as __main__") == 1
    assert least <= lines.count("loaded as __mp_main__") <= most


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

    def test_a_traceback_has_its_lines_and_no_warning(self, tmp_path: Path, method: str) -> None:
        """`linecache` looks for the loader of a module that is not ``__main__``, and warns since Python 3.15."""
        path = tmp_path / "program.py"
        path.write_text(FAILING)
        _, errors = python("-W", "error", path, method, cwd=tmp_path)
        assert "Warning" not in errors and errors.count("Traceback") == 1, errors
        assert '    raise ValueError("it is told of")\n' in errors

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

    def test_missing_guard_in_a_module_that_is_imported(self, tmp_path: Path, method: str) -> None:
        """A forkserver imports the module as well, and must not run the program again, with another forkserver."""
        path = write(tmp_path, "program.py", "import unguarded\n", method)
        write(tmp_path, "unguarded.py", UNGUARDED, method)
        lines, errors = python(path, cwd=tmp_path)
        if method == "fork":
            assert lines == ["exit code 0"]
            return
        assert lines == ["exit code 1"]
        assert errors.count("RuntimeError: A process was started while the main module was being loaded") == 1

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


OWN = (
    PREAMBLE
    + """
import os, threading, time, random

def hold():
    while True:
        with lock:
            time.sleep(0.01)

number, pid, lock = random.Random(), os.getpid(), threading.Lock()
threading.Thread(target=hold, daemon=True).start()

def report():
    own = os.getpid() == pid, lock.acquire(timeout=20), threading.get_native_id() == threading.main_thread().native_id
    sys.stdout.write(f"{{own}} {{number.random()}}\\n")
    sys.stdout.flush()

if __name__ == "__main__":
    for _ in range(3):
        run(report)
"""
)


class TestState:
    def test_is_each_childs_own(self, tmp_path: Path, method: str) -> None:
        if method == "fork":
            pytest.skip("a child is a copy, whatever that holds")
        lines, errors = python(write(tmp_path, "program.py", OWN, method), cwd=tmp_path)
        told = [line for line in lines if not line.startswith("exit")]
        assert len(set(told)) == 3
        assert [line.rpartition(" ")[0] for line in told] == ["(True, True, True)"] * 3
        assert errors == ""

    def test_the_main_thread_has_its_native_id(self, tmp_path: Path, method: str) -> None:
        text = PREAMBLE + (
            "import threading\n"
            "def report():\n    sys.exit(3 + (threading.main_thread().native_id == threading.get_native_id()))\n"
            "if __name__ == '__main__':\n    run(report)\n    run(report)\n"
        )
        assert python(write(tmp_path, "program.py", text, method), cwd=tmp_path)[0] == ["exit code 4"] * 2

    def test_a_main_module_that_ends_its_process(self, tmp_path: Path, method: str) -> None:
        if method == "fork":
            pytest.skip("the main module is not loaded again")
        text = PREAMBLE + (
            "if __name__ == '__main__':\n    for _ in range(3): run(print)\nelse:\n    import os\n    os._exit(7)\n"
        )
        assert python(write(tmp_path, "program.py", text, method), cwd=tmp_path)[0] == ["exit code 7"] * 3

    def test_a_module_that_starts_a_thread(self, tmp_path: Path, method: str) -> None:
        (tmp_path / "threaded.py").write_text(
            "import os, threading, time\n"
            "pid, lock = os.getpid(), threading.Lock()\n"
            "def hold():\n    with lock: time.sleep(60)\n"
            "threading.Thread(target=hold, daemon=True, name='holder').start()\n"
        )
        text = PREAMBLE + (
            "import os, threaded\n"
            "def report():\n    sys.exit(3 + (threaded.pid == os.getpid()))\n"
            "if __name__ == '__main__':\n    run(report)\n    run(report)\n"
        )
        lines, errors = python(write(tmp_path, "program.py", text, method), cwd=tmp_path)
        assert lines == ["exit code 3" if method == "fork" else "exit code 4"] * 2
        assert errors.count("has started threads (holder) in the forkserver") == (method == "forkserver")

    @needs_forkserver
    def test_what_it_imports_is_imported_by_the_server(self, tmp_path: Path) -> None:
        (tmp_path / "costly.py").write_text("import os\npid = os.getpid()\n")
        text = PREAMBLE + (
            "import os\n"
            "try:\n    import missing_module_of_this_test\nexcept ImportError:\n    pass\n"
            "from costly import pid\n"
            "if len(sys.argv) > 9:\n    import never\n"
            "def report():\n    sys.exit(3 + (pid == os.getppid()))\n"
            "if __name__ == '__main__':\n    run(report)\n    run(report)\n"
        )
        lines, errors = python(write(tmp_path, "program.py", text, "forkserver"), cwd=tmp_path)
        assert lines == ["exit code 4"] * 2
        assert errors == ""


class TestKinds:
    def test_compiled(self, tmp_path: Path, method: str) -> None:
        path = write(tmp_path, "program.py", GUARDED, method)
        py_compile.compile(str(path), str(tmp_path / "program.pyc"), doraise=True)
        path.unlink()
        check_guarded(python(tmp_path / "program.pyc", cwd=tmp_path)[0], method)

    @pytest.mark.parametrize("name", ["ipython", "ipython.py"])
    def test_ipython_launchers_are_not_run_again(self, tmp_path: Path, method: str, name: str) -> None:
        text = PREAMBLE + "assert __name__ == '__main__'\nrun(sys.exit, 3)\n"
        lines, errors = python(write(tmp_path, name, text, method), cwd=tmp_path)
        assert (lines, errors) == (["exit code 3"], "")


UNDER_THE_GUARD = """
import collections, sys
import processing_core
from processing_core.lowlevel import dumps, loads

class Base:
    pass

def above(thing):
    return isinstance(thing, Base) and sys.modules["__main__"].Base is Base

def redefined():
    return 1

if __name__ == "__main__":
    context = processing_core.get_context({method!r})
    factor = 7
    Point = collections.namedtuple("Point", "x y")

    def redefined():
        return 2

    class Derived(Base):
        def times(self, number):
            return factor * number

    try:
        def target(thing, point, base, function):
            fine = above(thing) and above(base) and thing.times(3) == 21 and point.x == 4 and helper() == "helped"
            sys.exit(5 if fine and function() == 2 else 6)
    finally:
        pass

    def helper():
        return "helped"

    process = context.Process(target=target, args=(Derived(), Point(4, 5), Base(), redefined))
    process.start()
    process.join(30)
    print("exit code", process.exitcode)
    process = context.Process(target=Derived().times, args=(3,))
    process.start()
    process.join(30)
    print("exit code", process.exitcode)
    print("by name", b"cloudpickle" not in dumps([above, Base]), loads(dumps(Derived)) is Derived)
"""


@pytest.mark.parametrize("name", ["program.py", "mod.py"])
def test_what_stands_under_the_guard_travels(tmp_path: Path, method: str, name: str) -> None:
    path = write(tmp_path, name, UNDER_THE_GUARD, method)
    how: list[str | Path] = [path] if name == "program.py" else ["-m", "mod"]
    lines, errors = python(*how, cwd=tmp_path)
    assert errors == ""
    assert lines == ["exit code 5", "exit code 0", "by name True True"]


RETURNED = """
import enum, sys
import processing_pool, processing_core

class Above:
    pass

if __name__ == "__main__":
    class Color(enum.Enum):
        RED = 1

    class Below:
        class Inner:
            pass

    class Odd(Exception):
        pass

    def task(thing):
        if isinstance(thing, int):
            raise Odd(thing)
        return [isinstance(thing, Below), Below(), Below.Inner(), Color.RED, Above()]

    with processing_pool.Pool(1, context=processing_core.get_context({method!r})) as pool:
        for results in (pool.map(task, [Below()])[0], pool.apply(task, (Below(),)), next(pool.imap(task, [Below()]))):
            fine, below, inner, color, above = results
            print(fine, type(below) is Below, type(inner) is Below.Inner, color is Color.RED, type(above) is Above)
        try:
            pool.apply(task, (3,))
        except Odd as error:
            print(error)
"""


def test_what_stands_under_the_guard_comes_back_as_what_it_was(tmp_path: Path, method: str) -> None:
    pytest.importorskip("processing_pool")
    lines, errors = python(write(tmp_path, "program.py", RETURNED, method), cwd=tmp_path)
    assert errors == ""
    assert lines == ["True True True True True"] * 3 + ["3"]
