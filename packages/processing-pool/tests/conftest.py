from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import processing_core
from processing_core import lowlevel
from processing_pool import Pool
from processing_pool.pool import RUN
from processing_testing.children import functions as children
from processing_testing.harness import backends, leaks, pool_state
from processing_testing.harness.rendezvous import Rendezvous
from processing_testing.harness.thread_channel import ThreadPool

_warm: set[str] = set()
"""The start methods that have been used, so that what they keep on purpose exists."""


@pytest.fixture(scope="module", params=processing_core.get_all_start_methods())
def method(request: pytest.FixtureRequest) -> str:
    """A start method's name."""
    return str(request.param)


@contextmanager
def nothing_left(method: str) -> Iterator[processing_core.BaseContext]:
    """A start method's context; what uses it must leave nothing behind, in the system and in the arena."""
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
    lowlevel.verify()
    assert lowlevel.stats()["cells"] <= cells  # cells that earlier tests left to be collected may be freed meanwhile


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
    """A pool of two workers, made again if a test left it busy or without its workers."""

    def __init__(
        self,
        context: processing_core.BaseContext | None,
        kind: Callable[..., Pool] = Pool,
        is_ready: Callable[[Pool], bool] = pool_state.is_ready,
    ) -> None:
        self._context = context
        self._kind = kind
        self._is_ready = is_ready
        self._pool: Pool | None = None

    def pool(self) -> Pool:
        """The pool."""
        if self._pool is None:
            self._pool = self._kind(2, context=self._context)
            self.check()
        return self._pool

    def check(self) -> None:
        """Poll until the pool is idle and both workers are ready; there is no event for either."""
        assert self._pool is not None
        pool, deadline = self._pool, time.monotonic() + 20
        while not (pool_state.is_idle(pool) and self._is_ready(pool)):
            if time.monotonic() > deadline or pool._state != RUN:
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
def make_on_backend(method: str) -> Iterator[backends.Make]:
    """Makes pools whose tasks an executor or an engine runs."""
    reason = backends.why_not(method)
    if reason:
        pytest.skip(reason)
    with backends.maker(method) as make:
        yield make


@pytest.fixture(scope="module")
def shared(method: str, request: pytest.FixtureRequest) -> Iterator[Shared]:
    """What the tests of a module share."""
    if method == "threads" or method in backends.NAMES:
        make = request.getfixturevalue("make_on_backend") if method in backends.NAMES else ThreadPool
        shared = Shared(None, lambda size, context: make(size), lambda _: True)
        yield shared
        shared.end()
        return
    with nothing_left(method) as context:
        shared = Shared(context)
        yield shared
        shared.end()


@pytest.fixture
def pool(shared: Shared) -> Iterator[Pool]:
    """A pool of two workers that the tests of a module share; each test leaves it idle, with both workers."""
    yield shared.pool()
    gc.collect()  # frees what was dropped in a cycle
    shared.check()


@pytest.fixture
def rendezvous() -> Iterator[Rendezvous]:
    """A socket over which the test exchanges messages with its tasks."""
    with Rendezvous() as rendezvous:
        yield rendezvous
