"""``Queue``: what ``queue`` and ``multiprocessing`` promise, and what only this project promises."""

from __future__ import annotations

import itertools
import pickle
import queue as names
import random
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from processing_core import BaseContext, ClosedError, HandleError, NotPicklableError
from processing_queues import Empty, Full, Queue
from processing_testing.children import tasks, traffic
from processing_testing.harness import scripts
from processing_testing.harness.rendezvous import Rendezvous


class Marking(Queue[Any]):
    def put(self, obj: Any, block: bool = True, timeout: float | None = None) -> None:
        super().put(("marked", obj), block, timeout)

    def get(self, *args: Any, **kwds: Any) -> Any:
        return super().get(*args, **kwds)[1]


class Spying(Marking):
    def put_nowait(self, obj: Any) -> None:
        super().put_nowait(("spied", obj))


class Renaming(Spying):
    def put(self, obj: Any, block: bool = True, timeout: float | None = None) -> None:
        super().put(("renamed", obj), block, timeout)


class TestSubclasses:
    def test_what_they_override_is_called_without_waiting_too(self) -> None:
        queue = Marking(1)
        queue.put_nowait(1)
        with pytest.raises(Full):
            queue.put_nowait(2)
        assert queue.get_nowait() == 1
        with pytest.raises(Empty):
            queue.get_nowait()

    def test_what_overrides_both(self) -> None:
        queue = Renaming()
        queue.put_nowait(1)
        queue.put(2)
        assert queue.get_nowait() == ("renamed", ("spied", 1))
        assert queue.get() == ("renamed", 2)


class TestInOneProcess:
    def test_first_in_first_out(self) -> None:
        queue: Queue[object] = Queue()
        items = [None, True, 1, -(2**70), 1.5, "text", b"bytes", (1, (2,)), [3], {"four": {5}}, "x" * 100_000]
        for item in items:
            queue.put(item)
        assert queue.qsize() == len(items)
        assert [queue.get() for _ in items] == items
        assert queue.empty()

    def test_bounds(self) -> None:
        queue: Queue[int] = Queue(2)
        queue.put(1)
        assert not queue.full()
        queue.put_nowait(2)
        assert queue.full()
        for put in (
            lambda: queue.put_nowait(3),
            lambda: queue.put(3, False),
            lambda: queue.put(3, timeout=0.01),
            lambda: queue.put_many([3, 4], False),
        ):
            with pytest.raises(Full):
                put()
        assert queue.get_many(10) == [1, 2]
        for get in queue.get_nowait, lambda: queue.get(False), lambda: queue.get(timeout=0.01):
            with pytest.raises(Empty):
                get()

    def test_bytes_are_bounded_too(self) -> None:
        queue: Queue[bytes] = Queue(max_bytes=1000)
        queue.put(b"x" * 900)
        with pytest.raises(Full):
            queue.put(b"x" * 900, timeout=0.01)
        queue.get()
        queue.put(b"x" * 5000)  # an item larger than the bound fits an empty queue
        assert queue.full()

    def test_the_errors_are_queue_s(self) -> None:
        assert (Empty, Full) == (names.Empty, names.Full)

    def test_spellings_of_put(self) -> None:
        queue: Any = Queue()
        queue.put(obj=1)
        queue.put(item=2, block=True, timeout=1)
        queue.put(3, True, 1)
        queue.put_nowait(obj=4)
        assert queue.get_many(limit := 10, timeout=1) == [1, 2, 3, 4], limit

    @pytest.mark.parametrize(
        "use",
        [
            lambda queue: queue.put(),
            lambda queue: queue.put(1, obj=2),
            lambda queue: queue.put(obj=1, item=2),
            lambda queue: queue.put(1, colour="red"),
            lambda queue: queue.put_nowait(),
            lambda queue: queue.put(1, timeout="soon"),
            lambda queue: queue.get(timeout="soon"),
            lambda queue: queue.get(timeout=b""),
            lambda queue: queue.put_many(5),
            lambda queue: queue.get_many(),
            lambda queue: queue.get_many("all"),
            lambda queue: Queue("many"),
            lambda queue: Queue(1.5),
        ],
    )
    def test_wrong_types(self, use: Callable[[Any], object]) -> None:
        with pytest.raises(TypeError):
            use(Queue())

    @pytest.mark.parametrize(
        ("use", "shown"),
        [
            (lambda queue: Queue(0, -5), "max_bytes -5"),
            (lambda queue: queue.get_many(0), "limit 0"),
            (lambda queue: queue.get(timeout=float("nan")), "nan"),
        ],
    )
    def test_wrong_values(self, use: Callable[[Any], object], shown: str) -> None:
        with pytest.raises(ValueError, match=shown):
            use(Queue())

    def test_timeouts_are_kept(self) -> None:
        queue: Queue[int] = Queue(1)
        queue.put(1)
        begin = time.monotonic()
        with pytest.raises(Full):
            queue.put(2, timeout=0.2)
        assert 0.2 <= time.monotonic() - begin < 0.3

    def test_repr_and_names(self) -> None:
        queue = Queue[int]()
        assert repr(queue) == object.__repr__(queue)
        assert repr(queue).startswith("<processing_queues.Queue object at 0x")
        assert Queue.__module__ == "processing_queues"
        assert repr(Queue[int]) == "processing_queues.Queue[int]"

    def test_many_threads(self) -> None:
        queue: Queue[int] = Queue(5)
        seen: list[int] = []
        n = 2000

        def consume() -> None:
            while (item := queue.get()) >= 0:
                seen.append(item)

        producers = [threading.Thread(target=lambda: [queue.put(i) for i in range(n)]) for _ in range(3)]
        consumers = [threading.Thread(target=consume) for _ in range(3)]
        for thread in producers + consumers:
            thread.start()
        for thread in producers:
            thread.join()
        queue.put_many([-1, -1, -1])
        for thread in consumers:
            thread.join()
        assert sorted(seen) == sorted([*range(n)] * 3)

    @pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="no signal is sent to a process")
    def test_a_signal_handler_that_raises_interrupts(self) -> None:
        queue: Queue[int] = Queue()

        def interrupt(*_: object) -> None:
            raise InterruptedError

        before = signal.signal(signal.SIGUSR1, interrupt)
        timer = threading.Timer(0.05, lambda: signal.raise_signal(signal.SIGUSR1))
        try:
            timer.start()
            with pytest.raises(InterruptedError):
                queue.get(timeout=10)
        finally:
            timer.join()
            signal.signal(signal.SIGUSR1, before)


class TestMany:
    def test_put_many_is_all_or_none(self) -> None:
        queue: Queue[object] = Queue()
        with pytest.raises(RuntimeError, match="does not dump"):
            queue.put_many([1, tasks.Unpicklable(), 3])
        assert queue.empty()
        queue.put_many(iter([1, 2]))
        queue.put_many([])
        assert queue.get_many(1) == [1]
        assert queue.get_many(5) == [2]
        with pytest.raises(Empty):
            queue.get_many(5, False)

    def test_what_came_before_a_bad_item_is_not_lost(self) -> None:
        queue: Queue[object] = Queue()
        queue.put_many([1, 2, tasks.Unloadable(), 4, 5])
        with pytest.raises(RuntimeError, match="does not load"):
            queue.get_many(10)
        assert queue.qsize() == 4
        assert not queue.empty()
        assert queue.get() == 1
        assert queue.get_many(10) == [2, 4, 5]

    def test_what_was_left_goes_to_one_taker(self) -> None:
        """Before CPython 3.12 the collector, and so any finalizer, may run wherever an object is created."""
        scripts.run(
            """
            import gc, processing_queues
            from processing_testing.children import tasks

            class Takes:
                def __init__(self):
                    self.itself = self

                def __del__(self):
                    while not queue.empty():
                        taken.append(queue.get_nowait())

            for further in range(1, 30):
                queue = processing_queues.Queue()
                queue.put_many([tasks.Unloadable(), *map(str, range(100))])
                try:
                    queue.get_many(200)
                except RuntimeError:
                    pass
                taken = []
                gc.collect()
                gc.disable()
                Takes()
                gc.set_threshold(gc.get_count()[0] + further, 1000, 1000)
                gc.enable()
                try:
                    got = queue.get_many(200, timeout=0)
                except processing_queues.Empty:
                    got = []
                gc.set_threshold(700)
                assert sorted(got + taken) == sorted(map(str, range(100)))
            """
        )

    def test_blocks_stay_together(self, context: BaseContext) -> None:
        queue: Queue[tuple[int, int, int]] = Queue()
        children = [context.Process(target=traffic.put_blocks, args=(queue, p, 50, 20)) for p in range(2)]
        for child in children:
            child.start()
        items = [queue.get(timeout=30) for _ in range(2 * 50 * 20)]
        for child in children:
            child.join()
        blocks = [list(itertools.islice(items, i, i + 20)) for i in range(0, len(items), 20)]
        assert all(block == [(*block[0][:2], i) for i in range(20)] for block in blocks)
        for producer in range(2):
            assert [block[0][1] for block in blocks if block[0][0] == producer] == list(range(50))


class TestClose:
    USES: list[Callable[[Queue[int]], object]] = [
        lambda queue: queue.put(1),
        lambda queue: queue.put_nowait(1),
        lambda queue: queue.put_many([1]),
        lambda queue: queue.get(),
        lambda queue: queue.get_nowait(),
        lambda queue: queue.get_many(1),
        lambda queue: queue.qsize(),
        lambda queue: queue.full(),
    ]

    @pytest.mark.parametrize("use", USES)
    def test_refuses_every_use(self, use: Callable[[Queue[int]], object]) -> None:
        queue: Queue[int] = Queue()
        queue.close()
        queue.close()
        with pytest.raises(ClosedError, match=r"Queue .* is closed") as caught:
            use(queue)
        assert isinstance(caught.value, ValueError)

    def test_only_then_it_can_be_joined(self) -> None:
        queue: Queue[int] = Queue()
        with pytest.raises(AssertionError, match="not closed"):
            queue.join_thread()
        queue.close()
        queue.join_thread()

    def test_concerns_this_process_only(self, context: BaseContext) -> None:
        queue: Queue[int] = Queue()
        back: Queue[int] = Queue()
        queue.put(1)
        child = context.Process(target=traffic.forward, args=(queue, back))
        child.start()
        queue.put(2)
        queue.put(None)  # type: ignore[arg-type]
        queue.close()
        queue.join_thread()
        queue.cancel_join_thread()
        assert [back.get(timeout=30), back.get(timeout=30)] == [1, 2]
        child.join()


class TestBetweenProcesses:
    def test_order_per_producer(self, context: BaseContext) -> None:
        queue: Queue[tuple[int, int]] = Queue(50)
        children = [context.Process(target=traffic.put_range, args=(queue, p, 1000)) for p in range(3)]
        for child in children:
            child.start()
        items = [queue.get(timeout=30) for _ in range(3000)]
        for child in children:
            child.join()
        for producer in range(3):
            assert [i for p, i in items if p == producer] == list(range(1000))

    def test_through_a_bounded_pair(self, context: BaseContext) -> None:
        there: Queue[int | None] = Queue(3)
        back: Queue[int] = Queue(3)
        child = context.Process(target=traffic.forward, args=(there, back))
        child.start()
        for i in range(500):
            there.put(i)
            assert back.get(timeout=30) == i
        there.put(None)
        child.join()

    def test_queues_travel_through_queues(self, context: BaseContext) -> None:
        carrier: Queue[Queue[str]] = Queue()
        carried: Queue[str] = Queue()
        child = context.Process(target=traffic.answer, args=(carrier,))
        child.start()
        carrier.put(carried)
        assert carried.get(timeout=30) == "a word"
        child.join()

    def test_a_queue_in_a_queue_lives_by_it(self) -> None:
        carrier: Queue[Queue[int]] = Queue()
        carried: Queue[int] = Queue()
        carried.put(5)
        carrier.put(carried)
        del carried
        assert carrier.get().get() == 5

    def test_a_stale_handle(self) -> None:
        queue: Queue[int] = Queue()
        data = pickle.dumps(queue)
        assert pickle.loads(data) == queue
        del queue
        with pytest.raises(HandleError, match="stale"):
            pickle.loads(data)


class TestPromise3:
    def test_the_unpicklable_raises_in_the_caller(self) -> None:
        queue: Queue[object] = Queue()
        for bad in tasks.Unpicklable(), threading.Lock():
            with pytest.raises((RuntimeError, TypeError)):
                queue.put(bad)
        queue.put("next")
        assert queue.get() == "next"

    def test_it_names_the_path_to_the_culprit(self) -> None:
        queue: Queue[object] = Queue()
        for put in queue.put, lambda item: queue.put_many([item]):
            with pytest.raises(NotPicklableError) as caught:
                put({"jobs": [1, tasks.Holder(threading.Lock())]})
            assert caught.value.path == "['jobs'][1].value"
        assert queue.empty()

    def test_what_does_not_load_raises_in_its_get(self) -> None:
        queue: Queue[object] = Queue()
        queue.put(tasks.Unloadable())
        queue.put("next")
        with pytest.raises(RuntimeError, match="does not load"):
            queue.get()
        assert queue.get() == "next"


def test_promise_5_joined_before_it_is_drained(context: BaseContext) -> None:
    queue: Queue[bytes] = Queue()
    child = context.Process(target=traffic.put_bytes, args=(queue, 100, 1 << 20))
    child.start()
    child.join()
    assert child.exitcode == 0
    for i in range(100):
        assert queue.get(timeout=5) == bytes([i]) * (1 << 20)
    assert queue.empty()


@pytest.mark.attack
@pytest.mark.watchdog(1200)
def test_promise_4_kills(context: BaseContext, rendezvous: Rendezvous, rounds: Callable[[int, int], int]) -> None:
    """Whichever process is killed, in the middle of whatever, the survivors go on, in time and intact."""
    dice = random.Random(4)
    for bound in (0, 7):
        queue: Queue[Any] = Queue(bound)
        for _ in range(rounds(6, 500)):
            victims = [
                context.Process(target=target, args=(queue, rendezvous.address), daemon=True)
                for target in (traffic.put_for_ever, traffic.get_for_ever)
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
        _survivors_exchange(queue, 1000)


def _put_and_get(queue: Queue[Any]) -> None:
    for operation, refusal in (
        (lambda: queue.put("mine", timeout=0.1), Full),
        (lambda: queue.get(timeout=0.1), Empty),
    ):
        begin = time.monotonic()
        try:
            operation()
        except refusal:
            pass
        assert time.monotonic() - begin < 0.6


def _survivors_exchange(queue: Queue[Any], n: int) -> None:
    while True:
        try:
            item = queue.get(timeout=0.1)
        except Empty:
            break
        if isinstance(item, tuple):
            assert item[2] == b"x" * (item[1] % 20_000)
    for i in range(n):
        queue.put(i)
        assert queue.get(timeout=1) == i


def test_a_full_arena_raises_memory_error() -> None:
    output = scripts.run(
        """
        from processing_queues import Queue
        queue = Queue()
        n = 0
        try:
            while True:
                queue.put(bytes(100_000))
                n += 1
        except MemoryError as error:
            assert "arena is full" in str(error), error
        assert n > 10
        for _ in range(n):
            assert queue.get() == bytes(100_000)
        queue.put(b"again")
        assert queue.get() == b"again" and queue.empty()
        print("done")
        """,
        PROCESSING_ARENA_LIMIT=str(8 << 20),
    )
    assert output == "done\n"


def test_memory_stays_flat() -> None:
    from processing_core import lowlevel

    queue: Queue[bytes] = Queue()
    for _ in range(3):
        queue.put_many([bytes(1000)] * 1000)
        assert len(queue.get_many(1000)) == 1000
    used = lowlevel.stats()["used"]
    for _ in range(10):
        queue.put_many([bytes(1000)] * 1000)
        assert len(queue.get_many(1000)) == 1000
    assert lowlevel.stats()["used"] <= used + (1 << 17)


def test_contexts_offer_it(context: BaseContext) -> None:
    assert isinstance(context.Queue(3), Queue)


class Modern(Queue[int]):
    """A queue that records which modern methods are called."""

    def __getattribute__(self, name: str) -> Any:
        if name in {"put_many", "put_nowait", "get_nowait", "join_thread", "cancel_join_thread"}:
            return lambda *args: self.calls.append((name, *args))
        return super().__getattribute__(name)

    calls: list[tuple[object, ...]] = []


@pytest.mark.parametrize(
    ("old", "new", "args"),
    [
        ("putMany", "put_many", ([1],)),
        ("putNoWait", "put_nowait", (1,)),
        ("getNoWait", "get_nowait", ()),
        ("joinThread", "join_thread", ()),
        ("cancelJoin", "cancel_join_thread", ()),
    ],
)
def test_the_names_of_0_52(old: str, new: str, args: tuple[object, ...]) -> None:
    Modern.calls.clear()
    getattr(Modern(), old)(*args)
    assert Modern.calls == [(new, *args)]


class TestClosed:
    def test_one_that_was_never_used_is_empty(self, context: BaseContext) -> None:
        for make in (context.Queue, context.JoinableQueue):
            queue = make()
            queue.close()
            queue.join_thread()
            assert queue.empty()
            queue = make()
            queue.put("foo")
            queue.close()
            with pytest.raises(OSError, match="is closed"):
                queue.empty()

    def test_a_simple_one_says_that_it_is_closed(self, context: BaseContext) -> None:
        queue = context.SimpleQueue()
        queue.close()
        with pytest.raises(OSError, match="is closed"):
            queue.empty()


class Reporting(Queue[object]):
    """A queue that is notified of items that cannot be pickled, as libraries derive them."""

    failures: list[tuple[type[BaseException], object]]

    def _on_queue_feeder_error(self, error: BaseException, obj: object) -> None:
        self.failures.append((type(error), obj))


class Refusing:
    def __reduce__(self) -> str:
        raise AttributeError("it refuses")


def test_a_subclass_is_called_for_what_cannot_be_pickled() -> None:
    queue = Reporting()
    queue.failures, refusing = [], Refusing()
    queue.put(refusing)
    queue.put("next", timeout=5)
    assert queue.get(timeout=5) == "next"
    assert queue.failures == [(AttributeError, refusing)]
