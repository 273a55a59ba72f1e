"""A debugger that follows processes stops at breakpoints in children; `breakpoint()` is tested in test_terminal.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from processing_testing.harness.debugging import Debugger

pytest.importorskip("debugpy")

PROGRAM = """
import sys
import debugpy
import processing_core

class Square(processing_core.Process):
    def run(self):
        result = 7 * 7
        print(result, flush=True)

if __name__ == "__main__":
    processing_core.set_start_method(sys.argv[1])
    print(debugpy.listen(("127.0.0.1", 0))[1], flush=True)
    debugpy.wait_for_client()
    child = Square()
    child.start()
    print(child.pid, flush=True)
    child.join()
    print(child.exitcode, flush=True)
"""


def test_debugpy(method: str, tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    line = 1 + PROGRAM.splitlines().index("        print(result, flush=True)")
    command = [sys.executable, "-X", "frozen_modules=off", str(path), method]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        debugger = Debugger(int(program.stdout.readline()), str(path), line)
        pid, *rest = program.stdout.read().split()
    debugger.join()
    assert debugger.refused == []
    assert debugger.stops == [(int(pid), "run", line)]
    assert rest == ["49", "0"]
    assert program.returncode == 0
