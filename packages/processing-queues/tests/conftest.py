from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

import processing_core
from processing_core import lowlevel
from processing_testing.logs import refusals as refusals
from processing_testing.meeting import Meeting, meeting


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
    """The forkserver is there before any test counts cells or descriptors."""
    process = processing_core.get_context("forkserver").Process()
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
    lowlevel.sweep()
    lowlevel.check()
    assert lowlevel.stats()["cells"] <= cells  # what earlier tests left to be collected may go meanwhile


@pytest.fixture
def place() -> Iterator[Meeting]:
    """Where the test meets its children."""
    with meeting() as place:
        yield place
