from __future__ import annotations

import pickle
import random
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import processing_core
from processing_core import BaseContext, ClosedError
from processing_queues import SimpleQueue
from processing_testing.children import traffic
from processing_testing.harness.rendezvous import Rendezvous


def test_first_in_first_out() -> None:
    queue: SimpleQueue[int] = SimpleQueue()
    assert queue.empty()
    for number in range(3):
        queue.put(number)
    assert not queue.empty()
    assert [queue.get() for _ in range(3)] == [0, 1, 2]


def test_between_processes(context: BaseContext) -> None:
    queue: SimpleQueue[tuple[int, int]] = SimpleQueue()
    processes = [context.Process(target=traffic.put_range, args=(queue, number, 100)) for number in range(3)]
    for process in processes:
        process.start()
    got = [queue.get() for _ in range(300)]
    for number, process in enumerate(processes):
        process.join()
        assert [i for producer, i in got if producer == number] == list(range(100))
    assert queue.empty()


def test_travels(context: BaseContext) -> None:
    queue: SimpleQueue[SimpleQueue[str]] = SimpleQueue()
    inner: SimpleQueue[str] = SimpleQueue()
    process = context.Process(target=traffic.put_into_received, args=(queue, "a word"))
    process.start()
    queue.put(inner)
    assert inner.get() == "a word"
    process.join()


def test_holds_more_than_a_pipe_does() -> None:
    queue: SimpleQueue[bytes] = SimpleQueue()
    for _ in range(100):
        queue.put(bytes(100_000))
    assert sum(len(queue.get()) for _ in range(100)) == 10_000_000


def test_close() -> None:
    queue: SimpleQueue[int] = SimpleQueue()
    queue.put(1)
    queue.close()
    queue.close()
    for use in (lambda: queue.put(1), queue.get, queue.empty):
        with pytest.raises(ClosedError):
            use()
        assert issubclass(ClosedError, OSError)  # multiprocessing raises OSError


def test_the_unpicklable_raises_in_put() -> None:
    queue: SimpleQueue[object] = SimpleQueue()
    with pytest.raises((TypeError, pickle.PicklingError)):
        queue.put(threading.Lock())
    assert queue.empty()


def test_takes_no_bound() -> None:
    with pytest.raises(TypeError):
        SimpleQueue(3)  # type: ignore[call-arg]


def test_repr_and_typing() -> None:
    queue: SimpleQueue[int] = SimpleQueue()
    assert re.fullmatch(r"<processing_queues.SimpleQueue object at 0x[0-9A-Fa-f]+>", repr(queue))
    assert SimpleQueue[int]


@pytest.mark.parametrize("name", [None, *processing_core.get_all_start_methods()])
def test_contexts_offer_it(name: str | None) -> None:
    assert isinstance(processing_core.get_context(name).SimpleQueue(), SimpleQueue)


@pytest.mark.attack
@pytest.mark.watchdog(600)
def test_kills(context: BaseContext, rendezvous: Rendezvous, rounds: Callable[[int, int], int]) -> None:
    """Promise 4: whichever process is killed in a put or get, the other items are whole, and the survivor goes on."""
    chance = random.Random(6)
    queue: SimpleQueue[Any] = SimpleQueue()
    for _ in range(rounds(3, 100)):
        targets = [traffic.put_for_ever, traffic.get_and_wait_for_ever]
        victims = [context.Process(target=target, args=(queue, rendezvous.address), daemon=True) for target in targets]
        for victim in victims:
            victim.start()
        for _ in victims:
            assert rendezvous.receive() == "here"
        over = time.monotonic() + chance.random() * 0.01
        while time.monotonic() < over:
            queue.put("mine")
        chance.shuffle(victims)
        for victim in victims:
            victim.kill()
            victim.join()
        while not queue.empty():
            item = queue.get()
            assert item == "mine" or item[2] == b"x" * (item[1] % 20_000)
    for i in range(1000):
        queue.put(i)
        assert queue.get() == i
    assert queue.empty()
