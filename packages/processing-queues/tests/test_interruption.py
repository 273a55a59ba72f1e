"""Signals and timeouts in every method that blocks: a handler that raises ends the wait, one that returns does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from processing_queues import Empty, Full, JoinableQueue, LifoQueue, PriorityQueue, Queue, SimpleQueue
from processing_testing.children.interrupting import interrupts, signals
from processing_testing.harness.mechanisms import needs_alarms

pytestmark = needs_alarms

BOUNDED: list[Any] = [Queue, JoinableQueue, LifoQueue, PriorityQueue]

Wait = Callable[[Any], object]
"""A call that waits: for an item in an empty queue, or for room in a full one."""

GETS: dict[str, Wait] = {
    "get": lambda queue: queue.get(),
    "get with a timeout": lambda queue: queue.get(timeout=30),
    "get_many": lambda queue: queue.get_many(3),
    "get_many with a timeout": lambda queue: queue.get_many(3, timeout=30),
}
PUTS: dict[str, Wait] = {
    "put": lambda queue: queue.put(9),
    "put with a timeout": lambda queue: queue.put(9, timeout=30),
    "put_many": lambda queue: queue.put_many([8, 9]),
    "put_many with a timeout": lambda queue: queue.put_many([8, 9], timeout=30),
}


@pytest.fixture(params=BOUNDED, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Any:
    """Each kind of queue that can be full."""
    return request.param


@pytest.fixture(params=GETS)
def get(request: pytest.FixtureRequest) -> Wait:
    """Each way to get."""
    return GETS[request.param]


@pytest.fixture(params=PUTS)
def put(request: pytest.FixtureRequest) -> Wait:
    """Each way to put."""
    return PUTS[request.param]


def full(kind: Any) -> Any:
    """A full queue with 1 and 2."""
    queue = kind(2)
    queue.put_many([1, 2])
    return queue


def drained(queue: Any) -> list[int]:
    return sorted(queue.get_many(100)) if not queue.empty() else []


class TestHandlerThatRaises:
    def test_ends_a_get_which_took_nothing(self, kind: Any, get: Wait) -> None:
        queue = kind(2)
        with interrupts():
            get(queue)
        queue.put_many([1, 2])
        assert drained(queue) == [1, 2]

    def test_ends_a_put_which_left_nothing(self, kind: Any, put: Wait) -> None:
        queue = full(kind)
        with interrupts():
            put(queue)
        assert drained(queue) == [1, 2]
        queue.put_many([3, 4])
        assert drained(queue) == [3, 4]

    def test_ends_a_join(self, kind: Any) -> None:
        queue = full(kind)
        with interrupts():
            queue.join()
        assert drained(queue) == [1, 2]
        queue.task_done()
        queue.task_done()
        queue.join()

    def test_ends_a_get_of_a_simple_queue(self) -> None:
        queue: SimpleQueue[int] = SimpleQueue()
        with interrupts():
            queue.get()
        queue.put(1)
        assert queue.get() == 1


class TestHandlerThatReturns:
    """The wait continues after the handler; what the handler does in its third call ends it."""

    @staticmethod
    def at_the_third(function: Callable[[], object]) -> tuple[list[int], Callable[[], object]]:
        calls: list[int] = []

        def handler() -> None:
            calls.append(1)
            if len(calls) == 3:
                function()

        return calls, handler

    def test_in_a_get(self, kind: Any, get: Wait) -> None:
        queue = kind()
        calls, handler = self.at_the_third(lambda: queue.put(5))
        with signals(handler):
            assert get(queue) in (5, [5])
        assert len(calls) >= 3

    def test_in_a_put(self, kind: Any, put: Wait) -> None:
        queue = full(kind)
        calls, handler = self.at_the_third(lambda: queue.get_many(2))
        with signals(handler):
            put(queue)
        assert len(calls) >= 3
        assert drained(queue) in ([9], [8, 9])

    def test_in_a_join(self, kind: Any) -> None:
        queue = kind()
        queue.put(1)
        queue.get()
        calls, handler = self.at_the_third(queue.task_done)
        with signals(handler):
            queue.join()
        assert len(calls) >= 3


class TestTimeouts:
    """Frequent signals neither end a timed wait early nor prolong it."""

    @pytest.mark.parametrize(
        ("wait", "refusal"),
        [
            (lambda queue, timeout: queue.put(9, timeout=timeout), Full),
            (lambda queue, timeout: queue.put_many([9], timeout=timeout), Full),
            (lambda queue, timeout: (queue.get_many(2), queue.get(timeout=timeout)), Empty),
            (lambda queue, timeout: (queue.get_many(2), queue.get_many(1, timeout=timeout)), Empty),
        ],
        ids=["put", "put_many", "get", "get_many"],
    )
    def test_under_signals(self, kind: Any, wait: Callable[[Any, float], object], refusal: type[Exception]) -> None:
        queue = full(kind)
        calls: list[int] = []
        begin = time.monotonic()
        with signals(lambda: calls.append(1), every=0.001), pytest.raises(refusal):
            wait(queue, 0.1)
        assert 0.1 <= time.monotonic() - begin < 0.6
        assert len(calls) > 1
