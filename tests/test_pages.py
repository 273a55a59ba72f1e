"""Pages of 16 and 64 KiB, as ARM and POWER have them: simulated by a library to preload (``testing/pages.c``)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "testing" / "pages.c"

PROGRAM = """
import mmap, os, sys
import processing
from processing_core import lowlevel

assert os.sysconf("SC_PAGE_SIZE") == int(os.environ["SIMULATED_PAGE"])
SIZES = [1, 4096, 12_288, 20_480, 69_632, 300_000, 1_052_672, 5_000_000]

def fill(arrays, numbers):
    for array, number in zip(arrays, numbers):
        array[:] = bytes([number]) * len(array)

def check(arrays, numbers):
    for array, number in zip(arrays, numbers):
        assert bytes(array) == bytes([number]) * len(array), (len(array), number)

def child(arrays, queue):
    check(arrays, range(1, 9))
    queue.put(bytes(3_000_000))

if __name__ == "__main__":
    arrays = [processing.Array("B", size, lock=False) for size in SIZES]
    fill(arrays, range(1, 9))
    for _ in range(3):  # blocks between living ones are given back, and taken again
        between = [processing.Array("B", size, lock=False) for size in reversed(SIZES)]
        fill(between, range(101, 109))
        check(between, range(101, 109))
        del between
        check(arrays, range(1, 9))
    queue = processing.Queue()
    process = processing.get_context("spawn").Process(target=child, args=(arrays, queue))
    process.start()
    assert queue.get(timeout=50) == bytes(3_000_000)
    process.join()
    assert process.exitcode == 0
    check(arrays, range(1, 9))
    lowlevel.verify()
"""


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("cc") is None, reason="preloads a library made by cc")
@pytest.mark.parametrize("size", [16384, 65536])
def test_arrays_and_messages_are_whole(size: int, tmp_path: Path) -> None:
    library, program = tmp_path / "pages.so", tmp_path / "program.py"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"], check=True)
    program.write_text(PROGRAM)
    environment = {**os.environ, "LD_PRELOAD": str(library), "SIMULATED_PAGE": str(size)}
    run = subprocess.run([sys.executable, program], env=environment, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
