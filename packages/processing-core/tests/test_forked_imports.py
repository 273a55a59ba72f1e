"""A child is forked while another thread of its parent imports a module, and holds the module's lock."""

from __future__ import annotations

from pathlib import Path

import pytest

from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import needs_forks

pytestmark = needs_forks

MODULE = """
import builtins
FIRST = 1
builtins.begun.set()
builtins.go_on.wait()
SECOND = 2
"""

PROGRAM = """
import builtins, sys, threading, warnings
from processing_core import get_context

warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])
builtins.begun, builtins.go_on = threading.Event(), threading.Event()

def of_child():
    import slowly
    assert slowly.FIRST == 1
    try:
        slowly.SECOND
    except AttributeError:
        pass
    else:
        sys.exit(3)
    import package.fine
    sys.exit(7)

thread = threading.Thread(target=lambda: __import__("slowly"))
thread.start()
begun.wait()
process = get_context("fork").Process(target=of_child)
process.start()
process.join(20)
ended = process.exitcode
process.kill()
go_on.set()
thread.join()
import slowly
assert (ended, slowly.SECOND) == (7, 2), ended
"""


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    (tmp_path / "slowly.py").write_text(MODULE)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "fine.py").write_text("")
    return tmp_path


def test_the_child_does_not_wait_for_its_end(modules: Path) -> None:
    scripts.run(PROGRAM, str(modules))
