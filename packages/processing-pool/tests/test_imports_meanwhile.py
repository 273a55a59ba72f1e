"""A worker is replaced, by fork, while the program imports a module that the worker imports, too."""

from __future__ import annotations

from pathlib import Path

from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import needs_forks

pytestmark = needs_forks

HEAD = """
import builtins, os, sys, time, warnings
from processing_core import get_context
from processing_pool import Pool

warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])

def second():
    import slowly
    return slowly.SECOND
"""

WHILE_IMPORTING = """
import builtins, time
FIRST = 1
builtins.replaced()
SECOND = 2
"""

AWAITS_THE_IMPORT = """
def replaced():
    results.append(pool.apply_async(os.getpid))
    results.append(pool.apply_async(second))
    time.sleep(0.5)

builtins.replaced, results = replaced, []
with Pool(1, context=get_context("fork"), maxtasksperchild=1) as pool:
    import slowly
    pid, value = [result.get(20) for result in results]
    assert value == 2
"""

IMPORT_AWAITS_A_WORKER = """
def replaced():
    results.extend(pool.apply(os.getpid) for _ in range(4))

builtins.replaced, results = replaced, []
with Pool(1, context=get_context("fork"), maxtasksperchild=1) as pool:
    import slowly
    assert len(set(results)) == 4
"""


def run(folder: Path, program: str) -> None:
    (folder / "slowly.py").write_text(WHILE_IMPORTING)
    scripts.run(HEAD + program, str(folder))


def test_the_worker_has_the_whole_module(tmp_path: Path) -> None:
    run(tmp_path, AWAITS_THE_IMPORT)


def test_an_import_that_waits_for_a_worker_gets_one(tmp_path: Path) -> None:
    run(tmp_path, IMPORT_AWAITS_A_WORKER)
