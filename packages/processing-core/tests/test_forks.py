"""Handles that are made between the counting of a fork's child's references and the fork itself."""

import subprocess
import sys

import pytest

PROGRAM = """
import gc, os, sys
from processing_core._family import ensure_family
from processing_core._native import _kernel as k

def late():
    made.extend(k.Lock() for _ in range(int(sys.argv[1]) if armed else 0))

armed, made = False, []
os.register_at_fork(before=late)  # registered before ours, so it runs after ours
ensure_family()
old, armed = [k.Lock() for _ in range(3)], True

def child():
    assert made[0].acquire(False) and made[-1].acquire(False)
    fresh = [k.Lock() for _ in range(10)]
    k.check()
    made.clear()
    k.check()
    more = [k.Lock() for _ in range(300)]
    assert len({lock.cell for lock in old + fresh + more}) == 313
    del fresh, more
    gc.collect()
    k.check()

pid = os.fork()
if pid == 0:
    try:
        child()
        os._exit(0)
    finally:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
assert os.waitpid(pid, 0)[1] == 0
k.sweep()
k.check()
made.clear()
k.check()
assert k.stats()["cells"] == 3
"""


@pytest.mark.parametrize("handles", [5, 200], ids=["in the same chunk", "in new chunks"])
def test_the_child_counts_them_too(handles: int) -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM, str(handles)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
