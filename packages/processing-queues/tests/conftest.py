from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

import processing_core
from processing_core import lowlevel
from processing_testing.harness import deposits
from processing_testing.harness.logs import refusals as refusals
from processing_testing.harness.rendezvous import Rendezvous


@pytest.fixture(params=processing_core.get_all_start_methods())
def method(request: pytest.FixtureRequest) -> str:
    """A start method's name."""
    return str(request.param)


@pytest.fixture
def context(method: str) -> processing_core.BaseContext:
    """A start method's context."""
    return processing_core.get_context(method)


@pytest.fixture(scope="session", autouse=True)
def _a_forkserver() -> None:
    """Start the forkserver, or where there is none a first process, before any test counts cells or descriptors."""
    methods = processing_core.get_all_start_methods()
    process = processing_core.get_context("forkserver" if "forkserver" in methods else None).Process()
    process.start()
    process.join()
    process.close()


@pytest.fixture(autouse=True)
def _a_sound_arena() -> Iterator[None]:
    """After every test the arena's invariants hold, and no cell is left."""
    lowlevel.ensure_family()
    gc.collect()
    cells = lowlevel.stats()["cells"]
    yield
    gc.collect()
    deposits.forget_fetched()
    lowlevel.sweep()
    lowlevel.verify()
    assert lowlevel.stats()["cells"] <= cells  # cells that earlier tests left to be collected may be freed meanwhile


@pytest.fixture
def rendezvous() -> Iterator[Rendezvous]:
    """A socket over which the test exchanges messages with its children."""
    with Rendezvous() as rendezvous:
        yield rendezvous
