"""Any sequence of operations has the same effects as on a ``queue.Queue``."""

from __future__ import annotations

import queue as names
import sys
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from processing_queues import Queue, ShutDown

# Small items, items that fill segments, items in parcels of their own, and items with blocks.
ITEMS = st.one_of(
    st.integers(),
    st.text(max_size=20),
    st.tuples(st.integers(), st.lists(st.none() | st.floats(allow_nan=False), max_size=3)),
    st.integers(0, 9000).map(lambda n: b"x" * n),
    st.integers(0, 5).map(lambda n: [n, bytearray(10_000)]),
    st.integers(0, 5).map(lambda n: np.full(5_000, n)),
)

ERRORS = (names.Empty, names.Full, ShutDown, ValueError)


class Model(RuleBasedStateMachine):
    """A queue of ours beside one of ``queue``'s."""

    over = False

    @initialize(maxsize=st.integers(0, 5))
    def make(self, maxsize: int) -> None:
        self.ours: Queue[Any] = Queue(maxsize)
        self.model: names.Queue[Any] = names.Queue(maxsize)

    def both(self, name: str, *args: Any) -> None:
        """Call a method of each; they return the same, or raise the same."""
        results = []
        for queue in self.ours, self.model:
            try:
                results.append((getattr(queue, name)(*args), None))
            except ERRORS as error:
                results.append((None, type(error)))
        (ours, our_error), (theirs, error) = results
        assert our_error is error
        assert type(ours) is type(theirs)
        assert np.array_equal(ours, theirs) if isinstance(ours, np.ndarray) else ours == theirs

    @rule(item=ITEMS)
    def put(self, item: Any) -> None:
        self.both("put", item, False)

    @rule()
    def get(self) -> None:
        self.both("get", False)

    @rule()
    def task_done(self) -> None:
        self.both("task_done")

    @rule()
    def look(self) -> None:
        for name in ("qsize", "empty", "full"):
            self.both(name)
        assert self.ours._join(0) is (self.model.unfinished_tasks == 0)

    @rule(items=st.lists(ITEMS, max_size=4))
    def put_many(self, items: list[Any]) -> None:
        """Put several items, which is the same as single puts if all fit; an empty queue takes any number."""
        room = self.model.maxsize - self.model.qsize() if self.model.maxsize else len(items)
        if self.over or len(items) > room:
            return
        self.ours.put_many(items, False)
        for item in items:
            self.model.put(item, False)

    @rule(limit=st.integers(1, 6))
    def get_many(self, limit: int) -> None:
        if self.model.empty():
            return
        expected = [self.model.get() for _ in range(min(limit, self.model.qsize()))]
        assert list(map(repr, self.ours.get_many(limit, False))) == list(map(repr, expected))

    @precondition(lambda self: sys.version_info >= (3, 13) and not self.over)
    @rule(immediate=st.booleans())
    def shutdown(self, immediate: bool) -> None:
        self.over = True
        self.both("shutdown", immediate)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=60, stateful_step_count=40)
