"""How a manager's server ends: by SIGTERM, or where that cannot be handled, because it is asked to."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from processing_core import get_context
from processing_core.lowlevel import at_exit
from processing_managers import SyncManager
from processing_managers._manager import server_process
from processing_testing.harness.mechanisms import START_METHODS


def tell_at_exit(path: Path) -> None:
    at_exit(lambda: path.write_text("ended"))


@pytest.mark.parametrize("at_once", sorted({server_process._TERMINATES_AT_ONCE, True}))
@pytest.mark.parametrize("how", ["shutdown", "shutdown_async"])
@pytest.mark.parametrize("method", START_METHODS)
def test_its_exit_functions_run(
    method: str, how: str, at_once: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_process, "_TERMINATES_AT_ONCE", at_once)
    manager = SyncManager(ctx=get_context(method), shutdown_timeout=60)
    manager.start(tell_at_exit, (tmp_path / "file",))
    assert manager._process is not None
    if how == "shutdown":
        manager.shutdown()
    else:
        asyncio.run(manager.shutdown_async())
    assert manager._process.exitcode == 0
    assert (tmp_path / "file").read_text() == "ended"
