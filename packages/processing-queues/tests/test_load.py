"""Millions of items: none is lost, duplicated or out of its producer's order, and no memory is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from processing_core import BaseContext, lowlevel
from processing_queues import Queue
from processing_testing.children import traffic


@pytest.mark.attack
@pytest.mark.watchdog(1200)
@pytest.mark.parametrize("bound", [0, 100])
@pytest.mark.parametrize("many", [False, True], ids=["one by one", "many at once"])
def test_two_producers_and_two_consumers(
    context: BaseContext, rounds: Callable[[int, int], int], bound: int, many: bool
) -> None:
    """Each consumer sees each producer's items in rising order, and the two consumers together see each item once."""
    each = rounds(3_000, 1_000_000)
    queue: Queue[tuple[int, int]] = Queue(bound)
    seen: Queue[Any] = Queue()
    put = traffic.put_range_many if many else traffic.put_range
    producers = [context.Process(target=put, args=(queue, p, each)) for p in range(2)]
    consumers = [context.Process(target=traffic.check_order, args=(queue, seen, many)) for _ in range(2)]
    for process in producers + consumers:
        process.start()
    for process in producers:
        process.join()
    queue.shutdown()
    counts = [bytearray(each), bytearray(each)]
    for _ in consumers:
        for producer, numbers in enumerate(seen.get(timeout=600)):
            for number in numbers:
                counts[producer][number] += 1
    for process in consumers:
        process.join()
        assert process.exitcode == 0
    assert all(count == b"\1" * each for count in counts)


@pytest.mark.attack
@pytest.mark.watchdog(600)
def test_memory_stays_flat_while_items_stream(context: BaseContext, rounds: Callable[[int, int], int]) -> None:
    n = rounds(20_000, 1_000_000)
    queue: Queue[tuple[int, int]] = Queue(1000)
    child = context.Process(target=traffic.put_range, args=(queue, 0, n))
    child.start()
    used = 0
    for i in range(n):
        assert queue.get(timeout=60) == (0, i)
        if i == 5_000:
            used = lowlevel.stats()["used"]
    child.join()
    assert lowlevel.stats()["used"] <= used + (1 << 18)
