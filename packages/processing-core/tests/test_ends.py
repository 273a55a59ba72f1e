"""What runs at the end of a process, and in which order."""

from __future__ import annotations

import pytest

from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import needs_forks

CHILD = """
    import atexit, sys, threading
    import processing_core
    from processing_core.lowlevel import at_exit

    def late(begun):
        begun.wait()
        print("thread", flush=True)

    def child():
        begun = threading.Event()
        at_exit(lambda: print("children", flush=True))
        atexit.register(print, "atexit", flush=True)
        threading.Thread(target=late, args=(begun,)).start()
        at_exit(lambda: print("below", flush=True), priority=-1)
        begun.set()

    if __name__ == "__main__":
        process = processing_core.get_context(sys.argv[1]).Process(target=child)
        process.start()
        process.join()
        sys.exit(process.exitcode)
"""

PARENT = """
    import atexit, os, sys
    import processing_core

    def child(fd):
        os.read(fd, 1)
        print("child", flush=True)

    if __name__ == "__main__":
        reader, writer = os.pipe()
        atexit.register(print, "registered before", flush=True)
        context = processing_core.get_context("fork")
        context.Process(target=child, args=(reader,)).start()
        atexit.register(os.write, writer, b".")
        atexit.register(print, "registered after", flush=True)
"""

AT_EXIT = """
    import atexit, sys
    import processing_core
    from processing_core.lowlevel import at_exit

    def begin():
        at_exit(lambda: print("ended"))
        print("begun")

    atexit.register(begin)
"""

STDOUT = """
    import os, sys
    import processing_core

    class Stream:
        def fileno(self):
            raise RuntimeError("there is none")

    def full():
        sys.stdout = open("/dev/full", "w")
        print("lost")

    def closed():
        sys.stdout.close()

    def run(target):
        process = processing_core.get_context("fork").Process(target=target)
        process.start()
        process.join()
        print(process.exitcode, flush=True)

    run(full)
    run(closed)
    sys.stdin = Stream()
    run(os.getpid)
"""


def test_a_child_waits_for_its_threads_and_runs_its_atexit_functions_before_its_children_end(method: str) -> None:
    assert scripts.run(CHILD, method).split() == ["thread", "atexit", "children", "below"]


@needs_forks
def test_what_a_program_registered_before_its_first_process_runs_when_its_children_have_ended() -> None:
    assert scripts.run(PARENT).splitlines() == ["registered after", "child", "registered before"]


def test_what_is_first_used_at_the_end_is_ended_too() -> None:
    assert scripts.run(AT_EXIT).split() == ["begun", "ended"]


@needs_forks
@pytest.mark.skipif("not __import__('os').path.exists('/dev/full')", reason="the system has no device that is full")
def test_text_that_cannot_be_written_at_the_end_is_an_exit_code_and_odd_streams_are_none() -> None:
    assert scripts.run(STDOUT).split() == ["1", "0", "0"]
