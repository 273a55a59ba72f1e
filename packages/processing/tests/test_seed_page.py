"""The examples of 0.52's page, in the syntax of Python 3: they print what the page shows.

Each runs under every start method, as a script and typed at an interactive prompt.
"""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import processing

METHODS = pytest.mark.parametrize("method", processing.get_all_start_methods())

# The text before the main guard, the text under it, and the pattern of the output.
HELLO = (
    """
    from processing import Process, Queue

    def f(q):
        q.put('hello world')

    """,
    """
    q = Queue()
    p = Process(target=f, args=[q])
    p.start()
    print(q.get())
    p.join()
    """,
    r"hello world\n",
)
CONDITION = (
    """
    from processing import Condition
    """,
    """
    c = Condition()
    print(c)
    print(c.acquire())
    print(c)
    """,
    r"<Condition\(<RLock\(None, 0\)>\), 0>\nTrue\n<Condition\(<RLock\(MainProcess, 1\)>\), 0>\n",
)
MANAGER = (
    """
    from processing import Manager
    """,
    """
    manager = Manager()
    l = manager.list(range(10))
    l.reverse()
    print(l)
    print(repr(l))
    """,
    r"\[9, 8, 7, 6, 5, 4, 3, 2, 1, 0\]\n<Proxy\[list\] object at 0x[0-9a-fA-F]+>\n",
)
POOL = (
    """
    from processing import Pool
    def f(x): return x*x

    """,
    """
    p = Pool(4)
    result = p.mapAsync(f, range(10))
    print(result.get(timeout=30))  # 1 on the page: four interpreters begin in that time, if nothing else runs
    """,
    r"\[0, 1, 4, 9, 16, 25, 36, 49, 64, 81\]\n",
)
EXAMPLES = pytest.mark.parametrize(
    "example", [HELLO, CONDITION, MANAGER, POOL], ids=["hello", "condition", "manager", "pool"]
)

ATTEMPTS = 3  # at what takes 0.1 s here, and is allowed 1 s: a machine may be busy for that long


def dedented(text: str) -> str:
    return textwrap.dedent(text).strip("\n") + "\n"


def run(command: list[str], text: str | None = None) -> str:
    variables = {**os.environ, "PYTHONFAULTHANDLER": "1", "PYTHONSTARTUP": ""}
    for attempt in range(ATTEMPTS):
        result = subprocess.run(command, input=text, capture_output=True, text=True, env=variables, check=False)
        if "TimeoutError" not in result.stderr or attempt == ATTEMPTS - 1:
            assert result.returncode == 0, result.stderr
            assert "Traceback" not in result.stderr, result.stderr
            return result.stdout
    raise AssertionError


@METHODS
@EXAMPLES
def test_as_a_script(example: tuple[str, str, str], method: str, tmp_path: Path) -> None:
    before, guarded, printed = example
    script = tmp_path / "example.py"
    start = f"    import processing\n    processing.set_start_method({method!r})\n"
    body = textwrap.indent(dedented(guarded), "    ")
    script.write_text(f"{dedented(before)}\nif __name__ == '__main__':\n{start}{body}")
    assert re.fullmatch(printed, run([sys.executable, "-W", "error", str(script)]))


@METHODS
@EXAMPLES
def test_typed_at_a_prompt(example: tuple[str, str, str], method: str) -> None:
    before, guarded, printed = example
    start = f"import processing; processing.set_start_method({method!r})\n"
    typed = start + dedented(before) + "\n" + dedented(guarded)
    assert re.fullmatch(printed, run([sys.executable, "-W", "error", "-i", "-q"], typed))


def test_a_prompt_shows_values() -> None:
    typed = """
    from processing import Condition, Manager
    c = Condition()
    c
    c.acquire()
    c
    manager = Manager()
    l = manager.list(range(3))
    l
    """
    shown = run([sys.executable, "-i", "-q"], dedented(typed)).splitlines()
    assert shown[:3] == ["<Condition(<RLock(None, 0)>), 0>", "True", "<Condition(<RLock(MainProcess, 1)>), 0>"]
    assert re.fullmatch(r"<Proxy\[list\] object at 0x[0-9a-f]+>", shown[3])
