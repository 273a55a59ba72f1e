from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

import processing_core
from processing_core import lowlevel
from processing_pool import Pool
from processing_testing import children, leaks
from processing_testing.meeting import Meeting, meeting


@pytest.fixture(params=processing_core.get_all_start_methods())
def method(request: pytest.FixtureRequest) -> str:
    """A start method's name."""
    return str(request.param)


@pytest.fixture
def context(method: str) -> Iterator[processing_core.BaseContext]:
    """A start method's context; the test must leave nothing behind, in the system and in the arena."""
    context = processing_core.get_context(method)
    first = context.Process(target=children.nothing)  # what a method keeps on purpose is there from now on
    first.start()
    first.join()
    first.close()
    gc.collect()
    cells = lowlevel.stats()["cells"]
    with leaks.leaves_nothing():
        yield context
        gc.collect()
        for thread in threading.enumerate():
            if thread.name.startswith("processing pool"):
                thread.join(10)
    lowlevel.sweep()
    lowlevel.check()
    assert lowlevel.stats()["cells"] <= cells  # what earlier tests left to be collected may go meanwhile


@pytest.fixture
def pool(context: processing_core.BaseContext) -> Iterator[Pool]:
    """A pool of two workers."""
    with Pool(2, context=context) as pool:
        yield pool
    pool.join()


@pytest.fixture
def place() -> Iterator[Meeting]:
    """Where the test meets its tasks."""
    with meeting() as place:
        yield place
