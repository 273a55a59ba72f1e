"""The pytest plugin, which calls its parts; each part is a module of its own."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable

import hypothesis
import pytest

from processing_core import lowlevel
from processing_testing.harness import attack, leaks, share, watchdog

nothing_left = leaks.nothing_left
no_thread_left = leaks.no_thread_left

PARTS = (watchdog, attack, share)


@pytest.fixture(name="rounds", scope="session")
def _rounds() -> Callable[[int, int], int]:
    """`processing_testing.harness.attack.rounds`, as a fixture."""
    return attack.rounds


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add every part's options."""
    for part in PARTS:
        part.pytest_addoption(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Configure every part, and enable Ctrl-C, because a shell starts background jobs with SIGINT ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # How long an example takes depends on what else the machine does.
    slow = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture]
    hypothesis.settings.register_profile("processing", deadline=None, suppress_health_check=slow)
    hypothesis.settings.load_profile("processing")
    # This must precede the first process, because a changed list of preloads starts another forkserver.
    lowlevel.preload_own("processing_pool._worker.worker", at_once=True)
    for part in PARTS:
        part.pytest_configure(config)


def pytest_report_header(config: pytest.Config) -> str:
    """The number of rounds and the time limit of this run."""
    return f"processing: attack={config.getoption('--attack')}, watchdog={watchdog.default_limit(config):g} s"


def pytest_collection_finish() -> None:
    """Let `gc.collect`, which fixtures call around every test, examine what tests create, not 10**6 older objects."""
    # At its first example hypothesis searches the referrers of its generator, and would not find frozen ones.
    hypothesis.find(hypothesis.strategies.none(), lambda _: True)
    gc.collect()
    gc.freeze()


pytest_collection_modifyitems = share.pytest_collection_modifyitems
pytest_unconfigure = watchdog.pytest_unconfigure
pytest_runtest_setup = watchdog.pytest_runtest_setup
pytest_runtest_call = watchdog.pytest_runtest_call
pytest_runtest_teardown = watchdog.pytest_runtest_teardown
