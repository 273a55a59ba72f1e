"""Ctrl-C while a program waits for its pool: in a terminal, where the whole group gets the signal, and with pipes."""

from __future__ import annotations

import os
import pickle
import select
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from processing_pool.lowlevel import Death, Failure
from processing_testing.harness import processes

pty = pytest.importorskip("pty", reason="the system has no pseudo-terminals", exc_type=ImportError)

FORMS = {
    "map": "pool.map(announcing.sleep, [60] * 100)",
    "starmap": "pool.starmap(announcing.sleep, [(60,)] * 100)",
    "apply": "pool.apply(announcing.sleep, (60,))",
    "get": "pool.map_async(announcing.sleep, [60] * 100).get()",
    "imap": "list(pool.imap(announcing.sleep, [60] * 100))",
    "imap_unordered": "for _ in pool.imap_unordered(announcing.sleep, iter([60] * 100), 3): pass",
    "submit": "pool.submit(announcing.sleep, 60).result()",
    "executor": "list(pool.executor().map(announcing.sleep, [60] * 100))",
    "join": "pool.map_async(announcing.sleep, [60] * 100); pool.close(); pool.join()",
}

PROGRAM = """
    import contextlib, processing_core
    from processing_pool import Pool
    from processing_testing.children import announcing
    processing_core.set_start_method({method!r})
    if __name__ == "__main__":
        with {pool} as pool:
            pool.map(abs, range(4))
            {form}
"""

POOLS = ("Pool(2)", "contextlib.nullcontext(Pool(2))")
"""A pool that its context ends, and a pool that the interpreter ends."""


def program(method: str, form: str, pool: str) -> list[str]:
    """The command of a program that waits."""
    text = textwrap.dedent(PROGRAM).format(method=method, form=FORMS[form], pool=pool)
    return [sys.executable, "-W", "error", "-c", text]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # an ending thread counts
@pytest.mark.parametrize("form", FORMS)
def test_in_a_terminal(method: str, form: str) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        command = program(method, form, POOLS[0])
        os.execve(command[0], command, {**os.environ, "PYTHON_COLORS": "0", "NO_COLOR": "1"})
    try:
        shown = read(terminal, b"ready\r\n")
        family = processes.family(pid)
        begin = time.monotonic()
        os.write(terminal, b"\x03")  # the terminal sends SIGINT to its foreground processes
        shown += read(terminal, None)
        _, status = os.waitpid(pid, 0)
        took = time.monotonic() - begin
    finally:
        os.close(terminal)
    check(shown.decode(), os.waitstatus_to_exitcode(status), took)
    assert processes.end_within(family, 2)


@pytest.mark.parametrize("form", FORMS)
def test_with_pipes(method: str, form: str) -> None:
    """Only the program gets the signal; it does not end its pool."""
    with subprocess.Popen(
        program(method, form, POOLS[1]),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        assert run.stdout and run.stdout.readline() == "ready\n"
        family = processes.family(run.pid)
        begin = time.monotonic()
        run.send_signal(signal.SIGINT)
        _, shown = run.communicate(timeout=30)
        check(shown, run.returncode, time.monotonic() - begin)
    assert processes.end_within(family, 2)


def check(shown: str, code: int, took: float) -> None:
    """There must be one traceback, within a second, which is the promise, plus a reserve for a busy machine."""
    assert shown.count("Traceback (most recent call last)") == 1, shown
    assert shown.rstrip().endswith("KeyboardInterrupt")
    assert code in (1, -signal.SIGINT)
    assert took < 5


def read(terminal: int, until: bytes | None) -> bytes:
    """What a terminal shows, to its end or a line."""
    shown = b""
    while until is None or until not in shown:
        assert select.select([terminal], [], [], 30)[0], shown
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # EIO: no process has it open any more
            break
        if not piece:
            break
        shown += piece
    return shown


@pytest.mark.parametrize("message", [Failure(b"", "summary", "traceback"), Death(1, -9, ("cancelled",))])
def test_no_signal_handler_runs_while_a_message_is_unpickled(message: object) -> None:
    """What a handler raised there would be lost: the kernel would take it for an error of the message."""
    calls: list[object] = []
    pickled = pickle.dumps(message)
    sys.setprofile(lambda frame, event, _: calls.append(frame.f_code) if event == "call" else None)
    try:
        loaded = pickle.loads(pickled)
    finally:
        sys.setprofile(None)
    assert loaded == message and type(loaded) is type(message)
    assert calls == []
