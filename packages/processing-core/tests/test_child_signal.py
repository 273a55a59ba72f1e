"""Exit codes are right when the program ignores SIGCHLD, and when its handler reaps every child."""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

import processing_core

if not hasattr(signal, "SIGCHLD"):
    pytest.skip("the system tells no signal of children that end", allow_module_level=True)

from processing_core._start import _forkserver
from processing_testing.children import functions as children
from processing_testing.harness.rendezvous import Rendezvous

METHODS = processing_core.get_all_start_methods()
SYSTEM_KEEPS_STATUS = tuple(map(int, platform.release().split("-")[0].split(".")[:2])) >= (6, 15)


def reap(*_: object) -> None:
    """Reap every child that has ended, as many programs do."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


@pytest.fixture(params=[signal.SIG_IGN, reap], ids=["ignored", "reaped"])
def disposition(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The program's disposition of the signal, which is set before its forkserver starts."""
    stop_server()
    before = signal.signal(signal.SIGCHLD, request.param)
    yield request.param
    stop_server()
    signal.signal(signal.SIGCHLD, before)


def stop_server() -> None:
    if _forkserver._state.server is not None:
        _forkserver._state.server.stop()


@pytest.mark.parametrize("method", METHODS)
class TestExitCodes:
    @pytest.mark.parametrize("code", [0, 3])
    def test_of_a_child_that_ends(self, method: str, disposition: Any, code: int) -> None:
        process = processing_core.get_context(method).Process(target=sys.exit, args=(code,))
        process.start()
        process.join(30)
        assert process.exitcode == code

    def test_of_a_child_that_is_killed(self, method: str, disposition: Any, rendezvous: Rendezvous) -> None:
        process = processing_core.get_context(method).Process(
            target=children.report_and_wait, args=(rendezvous.address,)
        )
        process.start()
        rendezvous.accept()
        process.kill()
        process.join(30)
        expected = -signal.SIGKILL if SYSTEM_KEEPS_STATUS or method == "forkserver" else 255
        assert process.exitcode == expected
        if method == "forkserver":
            assert _forkserver.running_server().running()

    def test_the_child_has_the_disposition(self, method: str, disposition: Any) -> None:
        """As with multiprocessing: a forked child has the handler too, others what an executed program inherits."""
        process = processing_core.get_context(method).Process(target=children.exit_if_ignoring, args=(signal.SIGCHLD,))
        process.start()
        process.join(30)
        assert process.exitcode == (disposition is signal.SIG_IGN)


def test_children_of_a_server_whose_client_ignores_it_later() -> None:
    stop_server()
    context = processing_core.get_context("forkserver")
    for ignored in (False, True, False):
        before = signal.signal(signal.SIGCHLD, signal.SIG_IGN if ignored else signal.SIG_DFL)
        try:
            process = context.Process(target=children.exit_if_ignoring, args=(signal.SIGCHLD,))
            process.start()
            process.join(30)
            assert process.exitcode == ignored
        finally:
            signal.signal(signal.SIGCHLD, before)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_that_was_reaped_before_it_was_looked_at(
    method: str, disposition: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child ended and was reaped before its parent had a descriptor of it."""
    open_by_number = os.pidfd_open

    def open_late(pid: int, flags: int = 0) -> int:
        deadline = time.monotonic() + 30
        while os.path.exists(f"/proc/{pid}"):
            reap()
            assert time.monotonic() < deadline
            time.sleep(0.001)  # the system offers no event for this
        return open_by_number(pid, flags)

    monkeypatch.setattr(os, "pidfd_open", open_late)
    process = processing_core.get_context(method).Process(target=sys.exit, args=(3,))
    process.start()
    process.join(30)
    assert process.exitcode == 3
