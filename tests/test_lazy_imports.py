"""Python 3.15 may import modules when their names are first used: at a program's wish, or everywhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.version_info < (3, 15), reason="lazy imports are new in Python 3.15")

PROGRAM = """
import sys
{lazy}from processing import Lock, Manager, Pool, Process, ProcessPoolExecutor, Queue, Value, get_context
{lazy}import processing.shared_memory

def work(queue, lock, value):
    with lock:
        value.value += 1
    queue.put(processing.shared_memory.ShareableList)

if __name__ == "__main__":
    context = get_context(sys.argv[1])
    queue, lock, value = Queue(), Lock(), Value("i", 1)
    process = context.Process(target=work, args=(queue, lock, value))
    process.start()
    assert queue.get().__name__ == "ShareableList"
    process.join()
    with context.Pool(2) as pool, Manager(context=context) as manager, ProcessPoolExecutor(1, context) as executor:
        assert executor.submit(abs, -2).result() == 2
        print(process.exitcode, value.value, pool.map(abs, [-1]), manager.set({{1}}).copy())
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
@pytest.mark.parametrize("kind", ["named", "all"])
def test_the_packages_may_be_imported_lazily(tmp_path: Path, method: str, kind: str) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.format(lazy="lazy " if kind == "named" else ""))
    options = ["-X", "lazy_imports=all"] if kind == "all" else []
    run = subprocess.run([sys.executable, *options, path, method], capture_output=True, text=True, timeout=50)
    assert (run.stdout, run.stderr, run.returncode) == ("0 2 [1] {1}\n", "", 0)
