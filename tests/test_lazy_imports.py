"""What a program does not use is not imported; and Python 3.15 may import everything when its name is first used."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from processing_testing.harness.mechanisms import START_METHODS

ROOT = Path(__file__).parent.parent

SLOW = ["enum", "signal", "re", "socket", "selectors", "subprocess", "typing", "logging", "traceback", "queue", "heapq"]
SLOW += ["pathlib", "inspect", "asyncio", "concurrent.futures", "ctypes", "multiprocessing", "cloudpickle"]
"""Modules of the standard library, and one of others, whose import would be felt, and whose use is rare."""

RARE = ["core._bootstrap", "sync._condition", "sync._event", "sync._semaphore", "sync._introspection"]
RARE += ["queues._connection", "queues._pipe", "queues._reader", "queues._exceptions", "managers.managers"]
RARE += ["managers._shared.shared_array", "managers._shared.raw", "pool._executor", "pool._futures", "pool._reusable"]
RARE += ["pool._jobs.imap", "pool._jobs.imap_iterator", "pool._progress.counts", "pool._worker.output", "pool._stats"]
RARE += ["pool._worker.worker", "pool._worker.state", "pool._supervision.backlog"]
"""Modules of ours that a program with a process, a lock, a queue, a value and a pool may need later, or never."""

PARTS = "import processing; processing.Process, processing.Lock, processing.Queue, processing.Value, processing.Pool"

SHORT = """
import sys
import processing

def loaded(_):
    return [name for name in sys.modules if name in {names}]

if __name__ == "__main__":
    with processing.Pool(2) as pool:
        workers = pool.map(loaded, range(4))
    print(sorted(set(sum(workers, []))), sorted(loaded(0)))
"""


def present(code: str, names: list[str]) -> set[str]:
    """Those of the modules that a fresh interpreter has after some code."""
    show = f"{code}\nimport sys; print(*[name for name in {names!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True, timeout=50)
    return set(run.stdout.split())


def loaded(code: str, *names: str) -> set[str]:
    """Those of the modules that it has because of the code: `site` may import some, in a virtual environment."""
    return present(code, list(names)) - present("pass", list(names))


def test_the_parts_import_nothing_slow() -> None:
    assert loaded(PARTS, *SLOW) == set()


def test_the_parts_import_nothing_rare() -> None:
    assert loaded(PARTS, *(f"processing_{name}" for name in RARE)) == set()


def test_a_context_imports_what_it_is_asked_for() -> None:
    code = "import processing; processing.get_context('spawn').Condition; processing.get_context('spawn').Pool"
    names = "processing_sync._condition", "processing_pool._pool", "concurrent.futures", "processing_queues._queue"
    assert loaded(code, *names) == {"processing_sync._condition", "processing_pool._pool"}


def test_a_short_program(tmp_path: Path) -> None:
    """By the default start method neither the parent nor a worker imports what is slow; a worker no pool, either."""
    ours = ["processing_pool._engine.engine", "processing_pool._pool"]
    rare = [f"processing_pool.{name}" for name in ("_stats", "_progress.counts", "_worker.output", "_jobs.imap")]
    names = [*(set(SLOW) - present("pass", SLOW)), *ours, *rare]
    path = tmp_path / "program.py"
    path.write_text(SHORT.format(names=names))
    run = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=50)
    assert (run.stdout, run.stderr) == (f"[] {ours}\n", "")


def test_a_short_program_with_a_pool_that_forks(tmp_path: Path) -> None:
    """It imports neither what is slow nor what children that are no copies need, before the pool ends."""
    needless = [f"processing_core.{name}" for name in ("_start._preparation", "_start._tool_data", "_fds.inherited")]
    names = [*(set(SLOW) - {"socket"} - present("pass", SLOW)), "_socket", "contextvars", "array", *needless]
    source = SHORT.replace("processing.Pool(2)", "processing.get_context('fork').Pool(2)").format(names=names)
    path = tmp_path / "program.py"
    path.write_text(source)
    run = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=50)
    assert (run.stdout, run.stderr) == ("[] []\n", "")


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


@pytest.mark.skipif(sys.version_info < (3, 15), reason="lazy imports are new in Python 3.15")
@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("kind", ["named", "all"])
def test_the_packages_may_be_imported_lazily(tmp_path: Path, method: str, kind: str) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.format(lazy="lazy " if kind == "named" else ""))
    options = ["-X", "lazy_imports=all"] if kind == "all" else []
    run = subprocess.run([sys.executable, *options, path, method], capture_output=True, text=True, timeout=50)
    assert (run.stdout, run.stderr, run.returncode) == ("0 2 [1] {1}\n", "", 0)


def test_files_that_are_programs_import_the_standard_library_alone() -> None:
    """They are run by their paths, isolated, where these packages cannot be imported."""
    sources = [path for path in (ROOT / "packages").glob("*/src/**/*.py") if path.name != "__main__.py"]
    programs = [path for path in sources if re.search(r"^if __name__ == .__main__.:", path.read_text(), re.MULTILINE)]
    assert {path.name for path in programs} == {"_tracking_process.py", "_reaper.py"}
    for path in programs:
        found = re.findall(r"^(?:from|import) (\w+)", path.read_text(), re.MULTILINE)
        assert [name for name in found if name not in sys.stdlib_module_names] == [], path
