"""A time limit on every test, which ends the test and lets the run continue.

    the limit passes       SIGALRM in the main thread: every stack is written down (this process by faulthandler,
                           its descendants by py-spy or /proc), the descendants are killed, the test is FAILED
    + GRACE                the main thread never ran the handler: the sidecar kills the descendants from outside,
                           which unblocks a wait on them, and the test is FAILED as above
    + GRACE again          the sidecar aborts the run: faulthandler prints the stacks, there is no summary

The sidecar is a process of its own, and not a child of the tests' process, because a thread (such as faulthandler's
timer) would make every later `os.fork` warn, and because it must work while the GIL is held for ever. The limit applies
to setup, call and teardown separately. `@pytest.mark.watchdog(seconds)` changes it for a test, ``--watchdog`` for a
run; 0 means no limit.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import pytest

from processing_testing.harness import processes

DEFAULT = 60.0
GRACE = 10.0
AGAIN = 5.0
"""Seconds after which the alarm is repeated, if the code under test has caught the first."""
REPORT = 5.0
"""Seconds that may be spent on writing stacks down; less than the sidecar's grace."""

_sidecar_pipe = pytest.StashKey[int]()


class Fired(pytest.fail.Exception):  # type: ignore[name-defined,misc]
    """The limit passed. A `BaseException`, so that the code under test does not take it for one of its errors."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--watchdog``."""
    group = parser.getgroup("processing")
    group.addoption(
        "--watchdog", type=float, default=DEFAULT, metavar="SECONDS", help="the limit of each test; 0 is none"
    )
    group.addoption(
        "--watchdog-grace",
        type=float,
        default=GRACE,
        metavar="SECONDS",
        help="when the sidecar kills the descendants, beyond the limit",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start the sidecar, which ends when this process does."""
    config.addinivalue_line("markers", "watchdog(seconds): the time limit of this test, instead of 60 s")
    if default_limit(config) and hasattr(signal, "setitimer"):
        config.stash[_sidecar_pipe] = _start_sidecar(config.getoption("--watchdog-grace"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let the sidecar end."""
    pipe = config.stash.get(_sidecar_pipe, None)
    if pipe is not None:
        del config.stash[_sidecar_pipe]
        os.close(pipe)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Limit the setup."""
    with limit(item, "setup"):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Limit the test itself."""
    with limit(item, "call"):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Limit the teardown."""
    with limit(item, "teardown"):
        return (yield)


def default_limit(config: pytest.Config) -> float:
    """The limit of a test without a marker, in seconds; 0 is none."""
    return 0.0 if config.getoption("usepdb", False) else float(config.getoption("--watchdog"))


def limit_of(item: pytest.Item) -> float:
    """The limit of *item*, in seconds; 0 is none."""
    marker = item.get_closest_marker("watchdog")
    default = default_limit(item.config)
    return float(marker.args[0]) if marker is not None and default else default


@contextmanager
def limit(item: pytest.Item, phase: str) -> Iterator[None]:
    """Let one phase of *item* take no longer than its limit."""
    seconds = limit_of(item)
    pipe = item.config.stash.get(_sidecar_pipe, None)
    if not seconds or pipe is None:
        yield
        return
    what = f"{item.nodeid} ({phase})"
    fired = False

    def on_alarm(signum: int, frame: FrameType | None) -> None:
        nonlocal fired
        signal.setitimer(signal.ITIMER_REAL, 0)
        first, fired = not fired, True
        report = stacks() if first else ""
        processes.kill(processes.family(os.getpid()))
        signal.setitimer(signal.ITIMER_REAL, AGAIN, AGAIN)
        raise Fired(f"watchdog: {what} took longer than {seconds:g} s\n{report}")

    before = signal.signal(signal.SIGALRM, on_alarm)
    _tell(pipe, f"{seconds:g} {what}")
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        _tell(pipe, "0")
        signal.signal(signal.SIGALRM, before)


def stacks() -> str:
    """The stacks of all threads of this process and of its descendants, as far as `REPORT` seconds allow."""
    deadline = time.monotonic() + REPORT
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file, all_threads=True)
        file.seek(0)
        own = file.read()
    relatives = processes.family(os.getpid())
    return own + "".join(
        processes.describe(info) if time.monotonic() < deadline else f"--- {info}\n" for info in relatives
    )


def _start_sidecar(grace: float) -> int:
    """:return: the descriptor on which the sidecar is told what is limited now."""
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "processing_testing.harness.sidecar", str(os.getpid()), str(reading), str(grace)]
    subprocess.run(command, pass_fds=[reading], check=True)
    os.close(reading)
    return writing


def _tell(pipe: int, line: str) -> None:
    # A dead sidecar must not fail a test: it is only the second stage.
    with suppress(BrokenPipeError):
        os.write(pipe, line.encode() + b"\n")
