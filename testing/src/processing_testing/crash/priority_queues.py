"""Processes that use a priority queue are killed; the item taken first is the last one put, or the least."""

from __future__ import annotations

import pickle
from typing import Any

from processing_testing.crash.scenario import Scenario, Tally, scenario


class _PriorityQueue(Scenario[tuple[Any, Any, Tally]]):
    """A priority queue, a lock that its items carry, and how many operations the child finished."""

    ordered = False
    filled = 0
    bound = 0

    def item(self, lock: Any, i: int) -> Any:
        """The i-th item: with a reference, and a buffer in a block of its own."""
        return [i, lock, pickle.PickleBuffer(bytearray([i % 256]) * 100)]

    def number(self, item: Any) -> int:
        """The number of an item."""
        item[1].acquire(False)
        assert bytes(item[2]) == bytes([item[0] % 256]) * 100
        return int(item[0])

    def sort_key(self, i: int) -> Any:
        """A key by which neither the first nor the last item is taken first; keys differ only in their last bytes."""
        return ("the same beginning", i * 7 % 11)

    def put(self, queue: Any, lock: Any, i: int) -> None:
        """Put the i-th item."""
        queue._put(self.sort_key(i), self.item(lock, i), True, 5)

    def prepare(self) -> tuple[Any, Any, Tally]:
        queue, lock = self.k.PriorityQueue(self.bound, 0, self.ordered), self.k.Lock()
        for i in range(self.filled):
            self.put(queue, lock, i)
        return queue, lock, Tally()

    def order(self, numbers: list[int]) -> list[int]:
        """The order in which the items are taken."""
        return sorted(numbers, key=self.sort_key) if self.ordered else numbers[::-1]

    def drain(self, queue: Any) -> list[int]:
        """All that is in it."""
        taken = []
        while queue._qsize():
            taken.append(self.number(queue._get(True, 5)))
        return taken


class _PutPriorityQueue(_PriorityQueue):
    filled = 3
    count = 4

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        queue, lock, done = world
        for i in range(self.count):
            self.put(queue, lock, self.filled + i)
            done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, lock, done = world
        there = queue._qsize()
        assert there in (self.filled + done.value, self.filled + done.value + 1), (there, done.value)
        self.put(queue, lock, 9)
        assert self.drain(queue) == self.order([*range(there), 9])


class _GetPriorityQueue(_PriorityQueue):
    filled = 7
    count = 4

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        queue, _, done = world
        for _ in range(self.count):
            queue._get()
            queue._task_done()
            done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, lock, done = world
        left = self.order(list(range(self.filled)))[self.filled - queue._qsize() :]
        assert self.filled - len(left) in (done.value, done.value + 1), (left, done.value)
        self.put(queue, lock, 9)
        assert self.drain(queue) == (sorted([*left, 9], key=self.sort_key) if self.ordered else [9, *left])
        for _ in range(self.filled + 1 - done.value - 1):
            queue._task_done()
        if not queue._join(0):
            queue._task_done()
        assert queue._join(0)


@scenario
class PutLast(_PutPriorityQueue):
    """A stack."""


@scenario
class GetLast(_GetPriorityQueue):
    """A stack."""


@scenario
class PutLeast(_PutPriorityQueue):
    """A heap: an item has moved up to its position, or no item has moved."""

    ordered = True


@scenario
class GetLeast(_GetPriorityQueue):
    """A heap: the last item has moved down to its position, or no item has moved."""

    ordered = True


@scenario
class FullPriorityQueue(_PriorityQueue):
    """A priority queue for one item: a dead consumer must not leave it full, nor a dead producer empty."""

    bound = 1

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        queue, lock, done = world
        for i in range(3):
            self.put(queue, lock, i)
            queue._get()
            done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, lock, _ = world
        assert len(self.drain(queue)) <= 1
        self.put(queue, lock, 5)
        assert queue._full() and self.drain(queue) == [5]


@scenario
class CloseNowPriorityQueue(_PriorityQueue):
    """An immediate shutdown cancels all items by one store, even if few of them have been freed yet."""

    ordered = True
    filled = 5

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        queue, _, done = world
        queue._get()
        done.add()
        queue._shutdown(True)
        done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, _, done = world
        assert done.value < 2 or queue._qsize() == 0
        queue._shutdown(True)
        tasks = 0
        while not queue._join(0):
            queue._task_done()
            tasks += 1
        assert tasks in (min(done.value, 1), 1), (tasks, done.value)


@scenario
class PagesOfAPriorityQueue(_PriorityQueue):
    """A page of slots is allocated, and one of another queue is freed."""

    page = 1636

    def prepare(self) -> tuple[Any, Any, Tally]:
        growing, shrinking = self.k.PriorityQueue(), self.k.PriorityQueue()
        for i in range(self.page - 1):
            growing._put(None, i)
        for i in range(self.page):
            shrinking._put(None, i)
        used = self.k.stats()["used"]
        shrinking._put(None, self.page)
        assert self.k.stats()["used"] > used, "a page has another length now"
        for _ in range(self.page - 2):
            shrinking._get()
        return growing, shrinking, Tally()

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        growing, shrinking, done = world
        for i in range(3):
            growing._put(None, self.page - 1 + i)
        done.add()
        for _ in range(3):
            shrinking._get()
        done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        growing, shrinking, done = world
        assert done.value < 1 or growing._qsize() == self.page + 2
        assert done.value < 2 or shrinking._qsize() == 0
        for queue in (growing, shrinking):
            n = queue._qsize()
            assert [queue._get() for _ in range(n)] == list(range(n))[::-1]


@scenario
class DropPriorityQueue(_PriorityQueue):
    """The child drops the last handle to a full queue."""

    ordered = True

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        _, lock, _ = world
        mine = self.k.PriorityQueue(0, 0, True)
        for i in range(4):
            self.put(mine, lock, i)
        del mine
