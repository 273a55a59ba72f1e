"""``fork`` in a process with threads: the interpreter's warning, before there is a child."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

import pytest

import processing_core

if not hasattr(os, "fork"):
    pytest.skip("the system has no forks", allow_module_level=True)

from processing_core._fds import server
from processing_core._fds.descriptors import Deposits
from processing_core._forks import without_forks
from processing_core._platform import scm_rights
from processing_testing.children import functions as children
from processing_testing.harness import scripts


@pytest.mark.skipif(sys.version_info < (3, 15), reason="os.fork itself counts threads")
def test_no_warning_of_what_is_no_thread_any_more() -> None:
    """There is no warning of threads that were joined, or that a library ends before a fork."""
    pytest.importorskip("numpy")  # OpenBLAS has a thread for each processor
    scripts.run(
        """
        import threading
        import numpy
        import processing_core
        numpy.ones((300, 300)) @ numpy.ones((300, 300))
        context = processing_core.get_context("fork")
        for _ in range(50):
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()
            process = context.Process(target=int)
            process.start()
            process.join()
            assert process.exitcode == 0
        """
    )


def fetched(fd: int) -> None:
    server.fetch(*server.deposit(fd)).close()


def recalled(fd: int) -> None:
    before = Deposits.made
    server.deposit(fd)
    server.recall(before)


# Until 3.14 a thread that was joined counts.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("ending", [fetched, recalled])
def test_a_fork_waits_for_the_end_of_our_thread(ending: Callable[[int], None]) -> None:
    """The descriptor server's thread ends with the last descriptor: it is not copied, and there is no warning of it."""
    context = processing_core.get_context("fork")
    for _ in range(50):
        ending(0)
        process = context.Process(target=children.nothing)
        process.start()
        assert "processing-fd-server" not in {thread.name for thread in threading.enumerate()}
        process.join()
        assert process.exitcode == 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_does_not_wait_for_a_thread_that_cannot_be_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the descriptor server's address is not reached any more, as after a change of the network namespace."""

    def refused(*_: object) -> None:
        raise ConnectionRefusedError

    process = processing_core.get_context("fork").Process(target=children.nothing)
    before = Deposits.made
    server.deposit(0)
    fetched(0)  # so that the thread serves
    with monkeypatch.context() as patch:
        patch.setattr(scm_rights, "send", refused)
        server.recall(before)
        process.start()
    process.join()
    assert process.exitcode == 0
    recalled(0)  # the same server, whose thread ends now


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_does_not_wait_for_a_thread_that_waits_for_it() -> None:
    """A signal handler can fork in the middle of what the descriptor server's thread waits for."""
    process = processing_core.get_context("fork").Process(target=children.nothing)
    with without_forks():
        recalled(0)
        process.start()
    process.join()
    assert process.exitcode == 0


@pytest.mark.skipif(sys.version_info < (3, 12), reason="os.fork does not warn before Python 3.12")
def test_the_warning_of_threads() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    process = processing_core.get_context("fork").Process(target=children.nothing)
    try:
        with pytest.warns(DeprecationWarning, match="is multi-threaded, use of fork"):
            process.start()
    finally:
        stop.set()
        thread.join()
    process.join()
    assert process.exitcode == 0


def test_a_forked_child_does_not_count_the_threads_of_its_parent() -> None:
    scripts.run(
        """
        import sys, threading, warnings
        import processing_core

        def fork():
            warnings.simplefilter("error")
            process = context.Process(target=sys.exit, args=(3,))
            process.start()
            process.join()
            sys.exit(process.exitcode)

        context = processing_core.get_context("fork")
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait)
        thread.start()
        warnings.simplefilter("ignore")
        process = context.Process(target=fork)
        process.start()
        process.join()
        assert process.exitcode == 3
        stop.set()
        thread.join()
        """
    )


def test_an_error_of_it_leaves_no_child() -> None:
    """From Python 3.15 on `os.fork` raises the warning in the parent although the child exists and runs."""
    scripts.run(
        """
        import sys, threading
        import processing_core
        from processing_core import lowlevel
        context = processing_core.get_context("fork")
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait)
        thread.start()
        process = context.Process(target=int, daemon=True)
        try:
            process.start()
        except DeprecationWarning:
            assert sys.version_info >= (3, 15)
            assert process.pid is None and not processing_core.active_children() and len(lowlevel.members()) <= 1
        else:
            assert sys.version_info < (3, 15)
            process.join()
        stop.set()
        thread.join()
        process = context.Process(target=sys.exit, args=(3,))
        process.start()
        process.join()
        assert process.exitcode == 3
        """
    )
