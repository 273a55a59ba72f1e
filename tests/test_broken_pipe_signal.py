"""Programs that let SIGPIPE end them, as command-line tools do: Python ignores it, they set the system's default again.

The signal is for what they print. What the library sends to a process that is gone is an error, or nothing.
"""

from __future__ import annotations

import sys

import pytest

import processing
from processing_testing.harness import scripts

METHODS = processing.get_all_start_methods()
SET_DEFAULT = """
    import os, signal, sys
    import processing

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")


@pytest.mark.parametrize("method", METHODS)
def test_proxies_that_are_dropped_after_their_manager(method: str) -> None:
    scripts.run(
        SET_DEFAULT
        + """
    for _ in range(3):
        with processing.get_context(sys.argv[1]).Manager() as manager:
            shared = manager.dict(a=1)
            assert shared["a"] == 1
        del shared
    """,
        method,
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_manager_whose_client_is_killed_when_it_is_to_be_answered(method: str) -> None:
    """Under fork, the manager's server has the program's disposition too."""
    scripts.run(
        SET_DEFAULT
        + """
    def ask(manager, shared):
        manager.Queue()
        os.kill(os.getpid(), signal.SIGKILL)

    context = processing.get_context(sys.argv[1])
    with context.Manager() as manager:
        shared = manager.list([1])
        for _ in range(5):
            child = context.Process(target=ask, args=(manager, shared))
            child.start()
            child.join()
        assert list(shared) == [1]
    """,
        method,
    )


@pytest.mark.parametrize("family", ["AF_INET", "AF_UNIX"])
def test_a_connection_whose_other_end_is_closed(family: str) -> None:
    scripts.run(
        SET_DEFAULT
        + """
    import asyncio
    from processing.connection import Client, Listener

    for send in ("send", "send_async"):
        with Listener(family=sys.argv[1]) as listener:
            ours = Client(listener.address)
            theirs = listener.accept()
            theirs.close()
            try:
                for _ in range(3):  # the first may still find room
                    sent = getattr(ours, send)(b"x" * 100_000)
                    if send == "send_async":
                        async def wait(sending=sent):
                            await sending

                        asyncio.run(wait())
            except (BrokenPipeError, ConnectionResetError):
                pass
            else:
                raise AssertionError("sent to no process")
    """,
        family,
    )


@pytest.mark.skipif("forkserver" not in METHODS, reason="there is none")
def test_a_forkserver_that_was_killed() -> None:
    """The next start makes another."""
    scripts.run(
        SET_DEFAULT
        + """
    from processing_core._start import _forkserver

    context = processing.get_context("forkserver")
    for _ in range(3):
        child = context.Process(target=int)
        child.start()
        child.join()
        assert child.exitcode == 0, child.exitcode
        os.kill(_forkserver.running_server().pid, signal.SIGKILL)
    """
    )
