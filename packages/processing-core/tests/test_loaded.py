"""A module that another thread is importing is not used yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from processing_testing.harness import scripts

PROGRAM = """
import builtins, sys, threading
sys.path.insert(0, sys.argv[1])
from processing_core.lowlevel import loaded

if __name__ == "__main__":
    builtins.begun, builtins.go_on = threading.Event(), threading.Event()
    assert loaded("slowly") is None
    thread = threading.Thread(target=lambda: __import__("slowly"))
    thread.start()
    begun.wait()
    assert "slowly" in sys.modules and loaded("slowly") is None
    {use}
    go_on.set()
    thread.join()
    assert loaded("slowly") is sys.modules["slowly"]
"""
SLOWLY = """
import builtins
builtins.begun.set()
builtins.go_on.wait()
"""
USES = {
    "asyncio": """
    from processing_core.lowlevel import has_loop
    from processing_core._event_loop.current import task_number
    from processing_core._event_loop.until import _is_cancellation
    assert not has_loop() and task_number() == 0 and not _is_cancellation(ValueError())
    """,
    "logging": """
    from processing_core._logging import name_records, setup
    name_records()
    assert setup() is None
    """,
}


@pytest.mark.parametrize("name", USES)
def test_while_a_thread_imports_it(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.py").write_text(SLOWLY)  # before the standard library's
    scripts.run(PROGRAM.replace("slowly", name).format(use=USES[name].strip()), str(tmp_path))
