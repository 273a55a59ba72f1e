"""``fork`` in a process with threads: the interpreter's warning, before there is a child."""

from __future__ import annotations

import sys
import threading

import pytest

import processing_core
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
