"""``LifoQueue`` and ``PriorityQueue``."""

from __future__ import annotations

import pickle
import queue as names
import random
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from processing_core import BaseContext, ClosedError, NotPicklableError, lowlevel
from processing_queues import Empty, Full, LifoQueue, PriorityQueue, ShutDown
from processing_testing.children import tasks, traffic
from processing_testing.harness.rendezvous import Rendezvous

NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.booleans()
SORTABLE = st.one_of(
    NUMBERS,
    st.text(),
    st.binary(),
    st.tuples(NUMBERS, st.text()),
    st.lists(NUMBERS, max_size=3),
    st.tuples(st.integers(0, 3), st.none() | st.just(()), st.text(max_size=2)),
)
KINDS: list[type[Any]] = [LifoQueue, PriorityQueue]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Any:
    """Each of the two."""
    return request.param


class Level(IntEnum):
    LOW = 9
    HIGH = 1


class Point(NamedTuple):
    x: int
    y: int


@dataclass(order=True)
class Job:
    priority: int
    name: str = field(compare=False, default="")


@dataclass(order=True)
class Special(Job):
    pass


class Uncomparable:
    """An object that raises when it is compared."""

    def __lt__(self, other: object) -> bool:
        raise AssertionError("code of the user's ran")


class TestOrder:
    def test_last_first(self) -> None:
        queue: LifoQueue[object] = LifoQueue()
        for item in ("a", [1], None, "x" * 50_000):
            queue.put(item)
        assert queue.get_many(9) == ["x" * 50_000, None, [1], "a"]

    @given(st.data())
    @settings(max_examples=150)
    def test_least_first(self, data: st.DataObject) -> None:
        """The order holds for all values that Python can compare."""
        kinds = [NUMBERS, st.text(), st.binary(), st.tuples(NUMBERS, st.text()), st.lists(NUMBERS, max_size=3)]
        items = data.draw(st.sampled_from(kinds).flatmap(lambda kind: st.lists(kind, max_size=30)))  # type: ignore[arg-type]
        queue: PriorityQueue[Any] = PriorityQueue()
        queue.put_many(items)
        assert [queue.get() for _ in items] == sorted(items)

    def test_equals_come_in_the_order_of_their_puts(self) -> None:
        queue: PriorityQueue[Any] = PriorityQueue()
        for i in range(100):
            queue.put((i % 3, {"number": i}))
        numbers = [item[1]["number"] for item in queue.get_many(100)]
        assert numbers == sorted(range(100), key=lambda i: i % 3)

    def test_what_counts_as_a_number(self) -> None:
        queue: PriorityQueue[Any] = PriorityQueue()
        items = [float("nan"), Level.LOW, np.float64(2.5), np.int32(2), Level.HIGH, True, 2**60 + 1, 2.0**60, -0.0, -1]
        for item in items:
            queue.put(item)
        assert [repr(item) for item in queue.get_many(20)] == [
            repr(item)
            for item in [-1, -0.0, Level.HIGH, True, np.int32(2), np.float64(2.5), Level.LOW, 2.0**60, 2**60 + 1]
        ] + ["nan"]

    def test_tuples_with_names_and_dataclasses(self) -> None:
        points: PriorityQueue[Point] = PriorityQueue()
        points.put_many([Point(2, 1), Point(1, 2), Point(1, 1)])
        assert points.get_many(5) == [(1, 1), (1, 2), (2, 1)]
        jobs: PriorityQueue[Job] = PriorityQueue()
        jobs.put_many([Job(2, "b"), Job(1, "z"), Special(0), Job(1, "a")])
        assert [job.name for job in jobs.get_many(5)] == ["", "z", "a", "b"]

    def test_a_key_travels_with_its_queue(self) -> None:
        queue: PriorityQueue[Any] = PriorityQueue(key=len)
        for other in queue, pickle.loads(pickle.dumps(queue)):
            other.put("long")
            other.put({1})
        assert queue.get_many(5) == [{1}, {1}, "long", "long"]

    def test_no_code_of_an_item_is_run_to_compare_it(self) -> None:
        queue: PriorityQueue[Any] = PriorityQueue()
        for _ in range(3):
            queue.put((1, Uncomparable()))
        assert len(queue.get_many(5)) == 3

    @pytest.mark.parametrize("item", [object(), {}, Uncomparable(), (Uncomparable(), 1), [{}], 1j], ids=repr)
    def test_what_has_no_sort_key(self, item: object) -> None:
        queue: PriorityQueue[object] = PriorityQueue()
        with pytest.raises(TypeError, match="key"):
            queue.put(item)
        assert queue.empty()

    def test_what_is_too_much(self) -> None:
        queue: PriorityQueue[Any] = PriorityQueue()
        loop: list[Any] = [1]
        loop.append(loop)
        with pytest.raises(RecursionError):
            queue.put(loop)
        with pytest.raises(OverflowError):
            queue.put(2**300 + 2**200)
        with pytest.raises(OverflowError):
            queue.put(10**400)
        assert queue.empty()


class Machine(RuleBasedStateMachine):
    """A queue of ours beside one of ``queue``'s."""

    ours: Any
    model: Any
    over = False

    def both(self, name: str, *args: Any) -> None:
        """Call a method of each; they return the same, or raise the same."""
        results = []
        for queue in self.ours, self.model:
            try:
                results.append((getattr(queue, name)(*args), None))
            except (Empty, Full, ShutDown, ValueError) as error:
                results.append((None, type(error)))
        assert results[0] == results[1]

    @rule(item=st.tuples(st.integers(0, 20), st.integers(0, 9000).map(lambda n: "x" * n)))
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

    @precondition(lambda self: sys.version_info >= (3, 13) and not self.over)
    @rule(immediate=st.booleans())
    def shutdown(self, immediate: bool) -> None:
        self.over = True
        self.both("shutdown", immediate)


class LifoMachine(Machine):
    @initialize(maxsize=st.integers(0, 5))
    def make(self, maxsize: int) -> None:
        self.ours, self.model = LifoQueue[Any](maxsize), names.LifoQueue[Any](maxsize)


class PriorityMachine(Machine):
    @initialize(maxsize=st.integers(0, 5))
    def make(self, maxsize: int) -> None:
        self.ours, self.model = PriorityQueue[Any](maxsize), names.PriorityQueue[Any](maxsize)


TestLifoModel = LifoMachine.TestCase
TestPriorityModel = PriorityMachine.TestCase
TestLifoModel.settings = TestPriorityModel.settings = settings(max_examples=40, stateful_step_count=30)


class TestLikeAQueue:
    def test_bounds(self, kind: Any) -> None:
        queue = kind(2, 100_000)
        assert (queue.maxsize, queue.max_bytes) == (2, 100_000)
        queue.put_many([1, 2])
        assert queue.full()
        for put in lambda: queue.put_nowait(3), lambda: queue.put(3, timeout=0.01), lambda: queue.put_many([3], False):
            with pytest.raises(Full):
                put()
        assert sorted(queue.get_many(5)) == [1, 2]
        queue.put("x" * 90_000)
        with pytest.raises(Full):
            queue.put("x" * 20_000, False)
        assert queue.get() == "x" * 90_000
        for get in queue.get_nowait, queue.getNoWait, lambda: queue.get(timeout=0.01), lambda: queue.get_many(2, False):
            with pytest.raises(Empty):
                get()
        for wrong in lambda: kind(0, -1), lambda: queue.get_many(0):
            with pytest.raises(ValueError, match="must"):
                wrong()
        with pytest.raises(TypeError):
            kind("many")

    def test_timeouts_are_kept(self, kind: Any) -> None:
        queue = kind()
        begin = time.monotonic()
        with pytest.raises(Empty):
            queue.get(timeout=0.2)
        assert 0.2 <= time.monotonic() - begin < 0.3

    def test_close(self, kind: Any) -> None:
        queue = kind()
        queue.put(1)
        with pytest.raises(AssertionError, match="not closed"):
            queue.join_thread()
        queue.close()
        queue.close()
        queue.join_thread()
        queue.cancel_join_thread()
        for use in lambda: queue.put(1), queue.get, queue.qsize, queue.empty, queue.full, queue.shutdown:
            with pytest.raises(ClosedError, match=r"Queue .* is closed"):
                use()

    def test_what_is_not_pickled_raises_in_put(self, kind: Any) -> None:
        queue = kind()
        with pytest.raises(NotPicklableError) as caught:
            queue.put((1, tasks.Holder(threading.Lock())))
        assert caught.value.path == "[1].value"
        queue.put((2, "next"))
        assert queue.get() == (2, "next")

    def test_what_does_not_load_raises_in_its_get(self, kind: Any) -> None:
        queue = kind()
        for i in range(5):
            queue.put((i, tasks.Unloadable() if i == 2 else "sound"))
        assert len(queue.get_many(9)) == 2
        with pytest.raises(RuntimeError, match="does not load"):
            queue.get()
        assert len(queue.get_many(9)) == 2

    def test_large_buffers(self, kind: Any) -> None:
        cells = lowlevel.stats()["cells"]
        queue = kind()
        queue.put((1, np.ones(10_000)))
        array = queue.get()[1]
        array += 1
        assert array.sum() == 20_000
        queue.put((2, array))
        assert queue.get(copy=True)[1].sum() == 20_000
        queue.put((3, array))
        del queue, array
        assert lowlevel.stats()["cells"] == cells

    def test_drops_what_is_in_it(self, kind: Any) -> None:
        cells = lowlevel.stats()["cells"]
        queue = kind()
        for i in range(2000):
            queue.put((i, "text"))
        queue.put((1, [np.ones(10_000), kind()]))
        del queue
        assert lowlevel.stats()["cells"] == cells

    def test_memory_returns(self, kind: Any) -> None:
        queue = kind()
        queue.put(0)
        used = lowlevel.stats()["used"]
        for _ in range(2):
            queue.put_many(range(20_000))
            assert len(queue.get_many(20_000)) == 20_000
        assert lowlevel.stats()["used"] <= used + (1 << 18)

    def test_tasks(self, kind: Any) -> None:
        queue = kind()
        queue.put_many([1, 2])
        queue.get_many(2)
        queue.task_done()
        waiter = threading.Thread(target=queue.join)
        waiter.start()
        queue.task_done()
        waiter.join()
        with pytest.raises(ValueError, match="too many"):
            queue.task_done()

    @pytest.mark.parametrize("immediate", [False, True])
    def test_shutdown_wakes_waiting_threads(self, kind: Any, immediate: bool) -> None:
        empty, full = kind(), kind(1)
        full.put(1)
        refused = []

        def wait(use: Callable[[], object]) -> None:
            with pytest.raises(ShutDown):
                use()
            refused.append(use)

        threads = [threading.Thread(target=wait, args=(use,)) for use in (empty.get, lambda: full.put(2))]
        for thread in threads:
            thread.start()
        empty.shutdown(immediate)
        full.shutdown(immediate)
        for thread in threads:
            thread.join()
        assert len(refused) == 2 and full.is_shutdown and full.qsize() == (0 if immediate else 1)

    def test_many_threads(self, kind: Any) -> None:
        queue = kind(5)
        seen: list[int] = []

        def consume() -> None:
            with suppress(ShutDown):
                while True:
                    seen.append(queue.get())

        producers = [threading.Thread(target=queue.put_many, args=(range(1000),)) for _ in range(3)]
        consumers = [threading.Thread(target=consume) for _ in range(3)]
        for thread in producers + consumers:
            thread.start()
        for thread in producers:
            thread.join()
        queue.shutdown()
        for thread in consumers:
            thread.join()
        assert sorted(seen) == sorted([*range(1000)] * 3)


class TestBetweenProcesses:
    def test_nothing_is_lost_or_doubled(self, kind: Any, context: BaseContext) -> None:
        queue, back = kind(20), kind()
        producers = [context.Process(target=traffic.put_range, args=(queue, p, 500)) for p in range(2)]
        consumers = [context.Process(target=traffic.forward_all, args=(queue, back)) for _ in range(2)]
        for process in producers + consumers:
            process.start()
        for process in producers:
            process.join()
        queue.shutdown()
        for process in consumers:
            process.join()
        assert sorted(back.get_many(2000)) == [(p, i) for p in range(2) for i in range(500)]

    def test_contexts_offer_it(self, kind: Any, context: Any) -> None:
        assert isinstance(getattr(context, kind.__name__)(3), kind)


@pytest.mark.attack
@pytest.mark.watchdog(1200)
def test_kills(kind: Any, context: BaseContext, rendezvous: Rendezvous, rounds: Callable[[int, int], int]) -> None:
    """Promise 4 for ordered queues: whichever process is killed, the survivors go on, in time and intact."""
    dice = random.Random(4)
    before = lowlevel.stats()["cells"]
    for bound in (0, 7):
        queue = kind(bound)
        for _ in range(rounds(1, 50)):
            victims = [
                context.Process(target=target, args=(queue, rendezvous.address), daemon=True)
                for target in (traffic.put_with_keys_for_ever, traffic.get_for_ever)
            ]
            for victim in victims:
                victim.start()
            for _ in victims:
                rendezvous.receive()
            over = time.monotonic() + dice.random() * 0.01
            while time.monotonic() < over:
                _put_and_get(queue)
            dice.shuffle(victims)
            for victim in victims:
                victim.kill()
                victim.join()
            _put_and_get(queue)
        _survivors_exchange(queue)
    del queue, victim, victims
    lowlevel.sweep()
    lowlevel.verify()
    assert lowlevel.stats()["cells"] <= before


def _put_and_get(queue: Any) -> None:
    for operation, refusal in (
        (lambda: queue.put((0, "mine"), timeout=0.1), Full),
        (lambda: queue.get(timeout=0.1), Empty),
    ):
        begin = time.monotonic()
        try:
            operation()
        except refusal:
            pass
        assert time.monotonic() - begin < 0.6


def _survivors_exchange(queue: Any) -> None:
    while not queue.empty():
        item = queue.get(timeout=5)
        assert item[1] == "mine" or item[2] == b"x" * (item[1] % 20_000)
    for i in range(1000):
        queue.put((i, "mine"))
        assert queue.get(timeout=1) == (i, "mine")
