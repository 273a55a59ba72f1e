"""Spares of ``spawn``, which only Windows has by itself: here they are asked for on every system."""

from __future__ import annotations

import sys
from contextlib import suppress

import pytest

from processing_core import lowlevel
from processing_testing.harness import scripts

KILLED = lowlevel.SIGKILL if sys.platform == "win32" else -lowlevel.SIGKILL
"""The exit status of a program that ends itself by ``os.kill``."""
PROGRAM = """
    import os, sys, time
    import processing_core
    from processing_core import lowlevel
    from processing_core._start import _ahead, _spawn

    _spawn.start = _ahead.start
    _ahead.keep(1)
    context = processing_core.get_context("spawn")

    def spare():
        (spare,) = _ahead._state.spares
        return spare._child.pid

    def ended(target, *args, daemon=False):
        process = context.Process(target=target, args=args, daemon=daemon)
        process.start()
        process.join()
        return process
"""


def run(source: str, *arguments: str) -> str:
    return scripts.run(PROGRAM + source, *arguments)


@pytest.mark.parametrize("daemon", [False, True])
def test_the_second_process_is_the_spare_of_the_first(daemon: bool) -> None:
    run(f"""
    assert ended(os._exit, 1).exitcode == 1
    for code in (0, 3):
        pid = spare()
        process = ended(sys.exit, code, daemon={daemon})
        assert (process.pid, process.exitcode) == (pid, code)
        assert spare() != pid
    """)


def test_it_prints_and_fails_as_others_do() -> None:
    printed = run("""
    def fail():
        print("printed", flush=True)
        raise ValueError("a")

    sys.stderr = None
    ended(os.getpid)
    error = ended(fail).exception
    assert isinstance(error, ValueError), error
    """)
    assert printed == "printed\n"


def test_a_process_that_was_ended_while_it_waited_is_not_taken() -> None:
    run("""
    ended(os.getpid)
    for number in range(3):
        pid = spare()
        child = _ahead._state.spares[0]._child
        child.send_signal(lowlevel.SIGKILL)
        lowlevel.readable(child.sentinel, 30)
        process = ended(sys.exit, number)
        assert process.exitcode == number
        assert process.pid != pid
    """)


def test_one_that_is_not_called_ends_and_no_start_is_lost() -> None:
    run("""
    ended(os.getpid)
    waiting = _ahead._state.spares[0]._child
    assert waiting.wait(60) == 0
    assert ended(sys.exit, 3).exitcode == 3
    """)


def test_one_that_was_started_in_another_environment_is_not_taken() -> None:
    run("""
    ended(os.getpid)
    pid = spare()
    os.environ["NEW"] = "1"
    process = ended(lambda: sys.exit(int(os.environ["NEW"])))
    assert process.exitcode == 1
    assert process.pid != pid
    pid = spare()
    process = ended(lambda: sys.exit(int(os.environ["NEW"])))
    assert (process.exitcode, process.pid) == (1, pid)
    """)


def test_it_takes_over_the_working_directory() -> None:
    run("""
    import tempfile

    ended(os.getpid)
    with tempfile.TemporaryDirectory() as folder:
        before = os.getcwd()
        os.chdir(folder)
        try:
            pid = spare()
            wanted = os.getcwd()
            process = ended(lambda: sys.exit(os.getcwd() != wanted))
            assert (process.exitcode, process.pid) == (0, pid)
        finally:
            os.chdir(before)
    """)


@pytest.mark.parametrize("end", ["", "os._exit(0)", "os.kill(os.getpid(), lowlevel.SIGKILL)"])
def test_none_outlives_its_parent(end: str) -> None:
    status = 0 if "kill" not in end else KILLED
    printed = scripts.run(
        PROGRAM
        + f"""
    ended(os.getpid)
    process = context.Process(target=time.sleep, args=(600,), daemon=True)
    process.start()
    print(process.pid, spare(), flush=True)
    {end}
    """,
        status=status,
    )
    for pid in map(int, printed.split()):
        with suppress(ProcessLookupError):  # it has ended
            assert lowlevel.readable(lowlevel.open_pidfd(pid).fileno(), 2)


def test_a_plain_process_outlives_its_killed_parent() -> None:
    """It has no lifeline, though its spare was given one."""
    printed = scripts.run(
        PROGRAM
        + """
    def work():
        processing_core.parent_process().join()
        print("done", flush=True)

    ended(os.getpid)
    process = context.Process(target=work)
    process.start()
    os.kill(os.getpid(), lowlevel.SIGKILL)
    """,
        status=KILLED,
    )
    assert printed == "done\n"


@pytest.mark.skipif(sys.platform != "win32", reason="elsewhere a spare keeps the streams that it was started with")
def test_it_writes_where_the_program_writes_now() -> None:
    run("""
    import tempfile

    ended(os.getpid)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("first", "second"):
            pid = spare()
            path = os.path.join(folder, name)
            kept = os.dup(1)
            with open(path, "w") as file:
                os.dup2(file.fileno(), 1)
                process = ended(print, name)
                assert process.pid == pid
                os.dup2(kept, 1)
            os.close(kept)
            with open(path) as file:
                assert file.read() == name + "\\n"
    """)


def test_one_that_cannot_be_started_is_told_to_the_logger() -> None:
    run("""
    import logging

    class Refused:
        def __init__(self, inherits):
            raise OSError(11, "no more")

    told = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())
    processing_core.get_logger().addHandler(handler)
    processing_core.get_logger().setLevel(processing_core.SUBWARNING)
    _ahead._Spare, made = Refused, _ahead._Spare
    assert ended(os._exit, 3).exitcode == 3
    assert len(told) == 1 and told[0].startswith("no spare interpreter could be started: "), told
    _ahead._Spare = made
    assert ended(os._exit, 4).exitcode == 4
    pid = spare()
    assert ended(os._exit, 5).pid == pid and len(told) == 1
    """)
