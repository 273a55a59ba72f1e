"""What a child can run, whatever the program was started from: the whole table, under every start method."""

from __future__ import annotations

import importlib.util
import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# The text can be typed at a prompt: there is no empty line within a definition, and one after it.
TABLE = """
import functools, os, sys
import processing_core
context = processing_core.get_context(os.environ['METHOD'])
def function(code): sys.exit(code)

class Thing:
    def __init__(self, code): self.code = code
    def exit(self, more=0): sys.exit(self.code + more)
    @classmethod
    def of_class(cls, code): sys.exit(code)
    @staticmethod
    def static(code): sys.exit(code)
    def __call__(self): sys.exit(self.code)

def closure(code):
    return lambda: sys.exit(code)

class Runner(context.Process):
    def __init__(self, code):
        super().__init__(name="a runner")
        self.code = code
    def run(self):
        assert processing_core.current_process() is self and self.name == "a runner"
        sys.exit(self.code)

class Failure(Exception):
    pass

def fail():
    raise Failure("of main")

def table():
    P = context.Process
    return [
        ("function", P(target=function, args=(3,))),
        ("keyword", P(target=function, kwargs=dict(code=3))),
        ("lambda", P(target=lambda code: sys.exit(code), args=(3,))),
        ("closure", P(target=closure(3))),
        ("bound method", P(target=Thing(3).exit)),
        ("method by args", P(target=Thing.exit, args=(Thing(1), 2))),
        ("class method", P(target=Thing.of_class, args=(3,))),
        ("static method", P(target=Thing.static, args=(3,))),
        ("callable object", P(target=Thing(3))),
        ("partial", P(target=functools.partial(Thing(1).exit, more=2))),
        ("partial of lambda", P(target=functools.partial(lambda a, b: sys.exit(a + b), 1), args=(2,))),
        ("class in arguments", P(target=lambda cls: cls(3).exit(), args=(Thing,))),
        ("function in arguments", P(target=lambda f: f(3), args=(function,))),
        ("overrides run", Runner(3)),
    ]

def run():
    for name, process in table():
        process.start()
        process.join()
        if process.exitcode != 3:
            print(name, process.exitcode, repr(process.exception))
    process = context.Process(target=fail)
    process.start()
    process.join()
    if type(process.exception) is not Failure:
        print("exception", process.exitcode, repr(process.exception))
    print("all of", len(table()))
"""

GUARDED = f"{TABLE}\nif __name__ == '__main__':\n    run()\n"
AT_ONCE = f"{TABLE}\nrun()\n"
COMPLETE = "all of 14"

Run = Callable[[Path, dict[str, str]], str]


def python(folder: Path, environment: dict[str, str], *arguments: str, stdin: str = "") -> str:
    run = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=110,  # it starts 15 processes, each of which may take some seconds under Wine
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def script(folder: Path, environment: dict[str, str]) -> str:
    (folder / "program.py").write_text(GUARDED)
    return python(folder, environment, "program.py")


def module(folder: Path, environment: dict[str, str]) -> str:
    (folder / "package").mkdir()
    (folder / "package" / "program.py").write_text(GUARDED)
    return python(folder, environment, "-m", "package.program")


def package(folder: Path, environment: dict[str, str]) -> str:
    (folder / "package").mkdir()
    (folder / "package" / "__main__.py").write_text(GUARDED)
    return python(folder, environment, "-m", "package")


def importable(folder: Path, environment: dict[str, str]) -> str:
    (folder / "table.py").write_text(TABLE)
    (folder / "program.py").write_text("import table\nif __name__ == '__main__':\n    table.run()\n")
    return python(folder, environment, "program.py")


def command(folder: Path, environment: dict[str, str]) -> str:
    return python(folder, environment, "-c", AT_ONCE)


def stdin(folder: Path, environment: dict[str, str]) -> str:
    return python(folder, environment, "-", stdin=AT_ONCE)


def prompt(folder: Path, environment: dict[str, str]) -> str:
    """The interactive interpreter, in a terminal."""
    if not hasattr(os, "openpty"):
        pytest.skip("the system has no pseudo-terminals")
    ours, theirs = os.openpty()
    environment = {**environment, "TERM": "dumb", "PYTHON_BASIC_REPL": "1"}
    process = subprocess.Popen(
        [sys.executable, "-q"], cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    for line in [*AT_ONCE.splitlines(), "exit()"]:
        shown += until(ours, (b">>> ", b"... "))
        os.write(ours, line.encode() + b"\n")
    shown += until(ours, ())
    os.close(ours)
    assert process.wait(30) == 0, shown
    return shown.decode()


def until(terminal: int, ends: tuple[bytes, ...]) -> bytes:
    """The output of a terminal until it ends with one of these texts, or is closed."""
    shown = b""
    while not (ends and shown.endswith(ends)):
        assert select.select([terminal], [], [], 40)[0], shown
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # EIO: no process has the other end open any more
            return shown
    return shown


def notebook(folder: Path, environment: dict[str, str]) -> str:
    """Run the text as a notebook's kernel runs a cell: its ``__main__`` belongs to no file and no module."""
    if importlib.util.find_spec("IPython") is None:
        pytest.skip("IPython is not installed")
    kernel = (
        "import os, sys\n"
        "os.environ['IPYTHONDIR'] = os.getcwd()\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "for cell in sys.argv[1:]:\n"
        "    shell.run_cell(cell).raise_error()\n"
    )
    (folder / "kernel.py").write_text(kernel)
    return python(folder, environment, "kernel.py", TABLE, "run()")


def ipython(folder: Path, environment: dict[str, str]) -> str:
    if importlib.util.find_spec("IPython") is None:
        pytest.skip("IPython is not installed")
    environment = {**environment, "IPYTHONDIR": str(folder)}
    return python(folder, environment, "-m", "IPython", "--simple-prompt", "--no-banner", "-c", AT_ONCE)


WAYS: list[Run] = [script, module, package, importable, command, stdin, prompt, notebook, ipython]


@pytest.mark.watchdog(120)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_table(way: Run, method: str, tmp_path: Path) -> None:
    environment = {**os.environ, "METHOD": method, "PYTHONUNBUFFERED": "1"}
    told = [line for line in way(tmp_path, environment).splitlines() if line.strip()]
    assert COMPLETE in told[-2:] if way is prompt else told == [COMPLETE], told
