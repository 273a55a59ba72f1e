"""The pytest plugin: one catalogue of the parts, each in a module of its own."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable

import pytest

from processing_testing import attack, leaks, watchdog

nothing_left = leaks.nothing_left

PARTS = (watchdog, attack)


@pytest.fixture(name="rounds", scope="session")
def _rounds() -> Callable[[int, int], int]:
    """`processing_testing.attack.rounds`, as a fixture."""
    return attack.rounds


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add every part's options."""
    for part in PARTS:
        part.pytest_addoption(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Configure every part, and let Ctrl-C be Ctrl-C: a shell's background jobs are born with SIGINT ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for part in PARTS:
        part.pytest_configure(config)


def pytest_report_header(config: pytest.Config) -> str:
    """Say what limits and counts are in force."""
    return f"processing: attack={config.getoption('--attack')}, watchdog={watchdog.default_limit(config):g} s"


def pytest_collection_finish() -> None:
    """Let `gc.collect`, which fixtures call around every test, look at what tests make, not at 10**6 older objects."""
    gc.collect()
    gc.freeze()


pytest_unconfigure = watchdog.pytest_unconfigure
pytest_runtest_setup = watchdog.pytest_runtest_setup
pytest_runtest_call = watchdog.pytest_runtest_call
pytest_runtest_teardown = watchdog.pytest_runtest_teardown
