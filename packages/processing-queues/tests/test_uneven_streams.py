"""Streams of which one side is quicker than the other: it waits again and again, and its waits begin with pauses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from queue import Empty
from typing import Any

import pytest

from processing_core import BaseContext
from processing_queues import Pipe, Queue

pytestmark = pytest.mark.watchdog(90)

MESSAGES = 30_000
"""More than the waits after which pauses are tried, several times over."""


def linger(loops: int) -> None:
    for _ in range(loops):
        pass


def send_all(send: Callable[[Any], None], loops: int) -> None:
    for number in range(MESSAGES):
        send(number)
        linger(loops)


def one_by_one(get: Callable[[], Any], loops: int) -> Iterator[Any]:
    for _ in range(MESSAGES):
        yield get()
        linger(loops)


@pytest.mark.parametrize(("slow_producer", "slow_consumer"), [(20, 0), (0, 20)], ids=["producer", "consumer"])
@pytest.mark.parametrize("bound", [0, 1, 3, 100])
def test_a_queue(context: BaseContext, bound: int, slow_producer: int, slow_consumer: int) -> None:
    """Every message arrives once, in order, whichever side waits."""
    queue: Queue[int] = Queue(bound)
    producer = context.Process(target=send_all, args=(queue.put, slow_producer))
    producer.start()
    assert list(one_by_one(queue.get, slow_consumer)) == list(range(MESSAGES))
    producer.join(30)
    assert producer.exitcode == 0
    with pytest.raises(Empty):
        queue.get_nowait()


@pytest.mark.parametrize(("slow_producer", "slow_consumer"), [(20, 0), (0, 20)], ids=["producer", "consumer"])
def test_a_pipe(context: BaseContext, slow_producer: int, slow_consumer: int) -> None:
    receiver, sender = Pipe(False)
    producer = context.Process(target=send_all, args=(sender.send, slow_producer))
    producer.start()
    sender.close()
    assert list(one_by_one(receiver.recv, slow_consumer)) == list(range(MESSAGES))
    with pytest.raises(EOFError):
        receiver.recv()
    producer.join(30)
    assert producer.exitcode == 0


def test_many_at_once(context: BaseContext) -> None:
    queue: Queue[Any] = Queue()
    producer = context.Process(target=send_all, args=(queue.put, 20))
    producer.start()
    got: list[int] = []
    while len(got) < MESSAGES:
        got += queue.get_many(1000, timeout=30)
    assert got == list(range(MESSAGES))
    producer.join(30)
    assert producer.exitcode == 0


def test_two_consumers(context: BaseContext) -> None:
    """What one of them waits for may be taken by the other meanwhile."""
    queue: Queue[int | None] = Queue()
    results: Queue[list[int]] = Queue()
    consumers = [context.Process(target=take_until_none, args=(queue, results)) for _ in range(2)]
    for consumer in consumers:
        consumer.start()
    send_all(queue.put, 20)
    for _ in consumers:
        queue.put(None)
    parts = [results.get(timeout=60) for _ in consumers]
    assert all(part == sorted(part) for part in parts)
    assert sorted(parts[0] + parts[1]) == list(range(MESSAGES))
    for consumer in consumers:
        consumer.join(30)


def take_until_none(queue: Any, results: Any) -> None:
    results.put(list(iter(queue.get, None)))


def test_a_timeout_after_a_stream(context: BaseContext) -> None:
    """A consumer that pauses keeps its time limit, and gets what is put while it waits."""
    queue: Queue[Any] = Queue()
    producer = context.Process(target=send_all, args=(queue.put, 20))
    producer.start()
    assert list(one_by_one(queue.get, 0)) == list(range(MESSAGES))
    producer.join(30)
    assert producer.exitcode == 0
    for _ in range(20):
        start = time.perf_counter()
        with pytest.raises(Empty):
            queue.get(timeout=0.01)
        assert time.perf_counter() - start >= 0.01
    queue.put("late")
    assert queue.get(timeout=30) == "late"
