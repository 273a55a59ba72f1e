from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import processing_core
from processing_core import lowlevel
from processing_pool import Pool
from processing_testing import children, leaks
from processing_testing.meeting import Meeting, meeting

_warm: set[str] = set()
"""The start methods of which what they keep on purpose is there."""


@pytest.fixture(scope="module", params=processing_core.get_all_start_methods())
def method(request: pytest.FixtureRequest) -> str:
    """A start method's name."""
    return str(request.param)


@contextmanager
def nothing_left(method: str) -> Iterator[processing_core.BaseContext]:
    """A start method's context; whatever is begun with it must leave nothing behind, in the system and in the arena."""
    context = processing_core.get_context(method)
    if method not in _warm:
        first = context.Process(target=children.nothing)
        first.start()
        first.join()
        first.close()
        _warm.add(method)
    gc.collect()
    cells = lowlevel.stats()["cells"]
    with leaks.leaves_nothing():
        yield context
        gc.collect()
        for thread in threading.enumerate():
            if thread.name.startswith("processing pool's feeder"):
                thread.join(10)
    lowlevel.sweep()
    lowlevel.check()
    assert lowlevel.stats()["cells"] <= cells  # what earlier tests left to be collected may go meanwhile


@pytest.fixture
def context(method: str) -> Iterator[processing_core.BaseContext]:
    """A start method's context; the test must leave nothing behind."""
    with nothing_left(method) as context:
        yield context


@pytest.fixture
def own_pool(context: processing_core.BaseContext) -> Iterator[Pool]:
    """A pool of two workers, which the test may end."""
    with Pool(2, context=context) as pool:
        yield pool
    pool.join()


class Shared:
    """A pool of two workers, made again if a test left it neither idle nor whole."""

    def __init__(self, context: processing_core.BaseContext) -> None:
        self._context = context
        self._pool: Pool | None = None

    def pool(self) -> Pool:
        """The pool."""
        if self._pool is None:
            self._pool = Pool(2, context=self._context)
            self.check()
        return self._pool

    def check(self) -> None:
        """Wait until nothing is to be done and both workers are ready; nobody is told of either."""
        assert self._pool is not None
        engine, deadline = self._pool._engine, time.monotonic() + 20
        claims = engine.supervisor._recipe.claims
        while not (engine.idle() and all(claims.read(place) for place in range(2))):
            if time.monotonic() > deadline or not engine.running:
                self.end()
                raise AssertionError("the test left the pool at work, or without its workers")
            time.sleep(0.001)

    def end(self) -> None:
        """End the pool."""
        if self._pool is not None:
            self._pool.terminate()
            self._pool.join()
            self._pool = None


@pytest.fixture(scope="module")
def shared(method: str) -> Iterator[Shared]:
    """What the tests of a module share."""
    with nothing_left(method) as context:
        shared = Shared(context)
        yield shared
        shared.end()


@pytest.fixture
def pool(shared: Shared) -> Iterator[Pool]:
    """A pool of two workers that the tests of a module share; each leaves it idle and whole."""
    yield shared.pool()
    gc.collect()  # what was dropped in a cycle
    shared.check()


@pytest.fixture
def place() -> Iterator[Meeting]:
    """Where the test meets its tasks."""
    with meeting() as place:
        yield place
