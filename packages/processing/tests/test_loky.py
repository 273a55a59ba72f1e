"""loky's programs, unedited: its arguments and its errors are known to the executors that stand for its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from processing_testing.harness.mechanisms import START_METHODS

METHODS = START_METHODS

MODULES = {  # what a program may take from loky, whose executors are replaced
    "__init__.py": "from .process_executor import *\nfrom .reusable_executor import *\n",
    "process_executor.py": """
class BrokenProcessPool(Exception): pass
class TerminatedWorkerError(BrokenProcessPool): pass
class ShutdownExecutorError(RuntimeError): pass
ProcessPoolExecutor = None
""",
    "reusable_executor.py": "get_reusable_executor = None\n",
}

HEAD = """
import os, threading, time
import loky
from loky.process_executor import BrokenProcessPool, ShutdownExecutorError, TerminatedWorkerError
from loky.reusable_executor import get_reusable_executor
assert loky.get_reusable_executor is get_reusable_executor

def keep(value):
    os.environ["KEPT"] = value
"""

PROGRAMS = {
    "its errors": """
    executor = get_reusable_executor(2)
    for error in (TerminatedWorkerError, BrokenProcessPool, loky.BrokenProcessPool):
        try:
            executor.submit(os._exit, 3).result()
        except error:
            print("caught", flush=True)  # a fork for a new worker, by another thread, copies what is not written yet
    """,
    "shutdown(kill_workers=True)": """
    executor = get_reusable_executor(1)
    executor.submit(time.sleep, 0).result()
    future = executor.submit(time.sleep, 1000)
    while not future.running():
        time.sleep(0.01)
    executor.shutdown(kill_workers=True)
    try:
        future.result()
    except ShutdownExecutorError:
        print("caught")
    print(get_reusable_executor(1).submit(pow, 2, 3).result())
    """,
    "other arguments with kill_workers": """
    first = get_reusable_executor(1)
    future = first.submit(time.sleep, 1000)
    while not future.running():
        time.sleep(0.01)
    second = get_reusable_executor(1, env={"NEW": "1"}, kill_workers=True)
    try:
        future.result()
    except ShutdownExecutorError:
        print("caught")
    print(first is second, second.submit(os.getenv, "NEW").result())
    """,
    "one executor, resized": """
    executor = get_reusable_executor(1)
    print(get_reusable_executor(1) is executor, get_reusable_executor(2) is executor)
    print(get_reusable_executor(reuse=True, timeout=3) is executor, get_reusable_executor(2, reuse=False) is executor)
    """,
    "a thread's own": """
    mine = get_reusable_executor(1)
    theirs = []
    thread = threading.Thread(target=lambda: theirs.append(get_reusable_executor(1, env={"A": "1"})))
    thread.start()
    thread.join()
    print(theirs[0] is mine, mine.submit(pow, 2, 3).result(), theirs[0].submit(os.getenv, "A").result())
    """,
    "arguments refused": """
    for arguments in ({"max_workers": -1}, {"max_workers": 0}, {"context": "fork"}, {"context": "none"}):
        try:
            get_reusable_executor(**arguments)
        except ValueError:
            print("refused")
    """,
    "an executor's arguments": """
    with loky.ProcessPoolExecutor(1, timeout=5, initializer=keep, initargs=("x",), env={"E": "y"}) as executor:
        print(*executor.map(os.getenv, ["KEPT", "E"]))
    """,
}
WANTED = {
    "its errors": "caught\n" * 3,
    "shutdown(kill_workers=True)": "caught\n8\n",
    "other arguments with kill_workers": "caught\nFalse 1\n",
    "one executor, resized": "True True\nTrue False\n",
    "a thread's own": "False 8 1\n",
    "arguments refused": "refused\n" * 4,
    "an executor's arguments": "x y\n",
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", PROGRAMS)
def test_a_program_of_loky_finds_its_arguments_and_errors(tmp_path: Path, case: str, method: str) -> None:
    package = tmp_path / "loky"
    package.mkdir()
    for name, text in MODULES.items():
        (package / name).write_text(text)
    program = tmp_path / "program.py"
    program.write_text(f'{HEAD}\nif __name__ == "__main__":{PROGRAMS[case]}')
    command = [sys.executable, "-m", "processing", "run", "--start-method", method, str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == (WANTED[case], "")
