"""A child is forked while another thread of its parent holds a lock of the standard library."""

from __future__ import annotations

import importlib
import re
import sysconfig
from pathlib import Path

import pytest

from processing_core._start import _abandoned
from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import needs_forks

PROGRAM = """
import {module}, threading, warnings
from processing_core import get_context

warnings.simplefilter("ignore")
held, go_on = threading.Event(), threading.Event()

def hold():
    with {module}.{lock}:
        held.set()
        go_on.wait()

def of_child():
    {use}

thread = threading.Thread(target=hold)
thread.start()
held.wait()
process = get_context("fork").Process(target=of_child)
process.start()
process.join(20)
ended = process.exitcode
process.kill()
go_on.set()
thread.join()
assert ended == 0, ended
"""
USES = {"_strptime": 'import time; time.strptime("2020", "%Y")', "tempfile": "tempfile.gettempdir()"}
FREED_BY_THE_INTERPRETER = {"concurrent/futures/thread.py", "logging/__init__.py", "threading.py", "_py_warnings.py"}


@needs_forks
@pytest.mark.parametrize("module", _abandoned._LOCKS)
def test_the_child_can_take_it(module: str) -> None:
    lock = _abandoned._LOCKS[module]
    if not hasattr(importlib.import_module(module), lock):
        pytest.skip("this CPython has no such lock")
    use = USES.get(module, f"assert {module}.{lock}.acquire(timeout=10)")
    scripts.run(PROGRAM.format(module=module, lock=lock, use=use))


def test_there_are_no_others() -> None:
    library = Path(sysconfig.get_path("stdlib"))
    found = set()
    for path in filter(Path.is_file, library.rglob("*.py")):  # a system may have links to what is not installed
        name = path.relative_to(library).as_posix()
        if not {"test", "tests", "site-packages", "dist-packages", "idlelib", "multiprocessing"} & set(name.split("/")):
            text = path.read_text(encoding="utf-8", errors="replace")
            if re.search(r"^\w+ *= *[\w.]*(allocate_lock|Lock|RLock|Condition|Semaphore)\(\)", text, re.MULTILINE):
                found.add(name)
    known = {f"{module.replace('.', '/')}.py" for module in _abandoned._LOCKS} | {"sysconfig/__init__.py"}
    assert found - FREED_BY_THE_INTERPRETER <= known
