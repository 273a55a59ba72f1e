"""Processes that send and receive messages through a ring are killed."""

from __future__ import annotations

import pickle
from queue import Full
from typing import Any

from processing_testing.crash.scenario import Scenario, Tally, scenario


def drain(queue: Any) -> list[Any]:
    """All that is in a queue."""
    items = []
    while not queue.empty():
        items.append(queue.get(True, 5))
    return items


class _Ring(Scenario[tuple[Any, Any, Tally]]):
    """A queue, a lock that items may carry, and how many operations the child finished."""

    filled = 0

    def item(self, lock: Any, i: int) -> Any:
        """The i-th item."""
        return i

    def number(self, item: Any) -> int:
        """The number of an item."""
        return int(item)

    def prepare(self) -> tuple[Any, Any, Tally]:
        queue, lock = self.k.TaskQueue(), self.k.Lock()
        for i in range(self.filled):
            queue.put(self.item(lock, i))
        return queue, lock, Tally()


class _Put(_Ring):
    count = 4

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        queue, lock, done = world
        for i in range(self.count):
            queue.put(self.item(lock, i))
            done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, lock, done = world
        finished = done.value
        assert queue.qsize() in (finished, finished + 1), (queue.qsize(), finished)
        queue.put(self.item(lock, 99), True, 5)
        counted = queue.qsize()
        numbers = [self.number(item) for item in drain(queue)]
        assert counted == len(numbers), (counted, numbers)
        assert numbers[-1] == 99
        assert numbers[:-1] == list(range(len(numbers) - 1))
        assert len(numbers) - 1 in (finished, finished + 1), (numbers, finished)
        assert queue.qsize() == 0


class _Get(_Ring):
    filled = 6
    count = 4

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        queue, _, done = world
        for _ in range(self.count):
            queue.get()
            done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, lock, done = world
        finished = done.value
        queue.put(self.item(lock, self.filled), True, 5)
        counted = queue.qsize()
        numbers = [self.number(item) for item in drain(queue)]
        assert numbers in (
            list(range(finished, self.filled + 1)),
            list(range(finished + 1, self.filled + 1)),
        ), (numbers, finished)
        assert queue.qsize() == 0
        assert counted in (len(numbers), len(numbers) + 1), (counted, numbers)
        queue.put(self.item(lock, 0), False)
        assert self.number(queue.get(True, 5)) == 0


class _Large:
    """Items that are sent as parcels and contain a reference."""

    def item(self, lock: Any, i: int) -> Any:
        return [i, lock]

    def number(self, item: Any) -> int:
        item[1].acquire(False)
        return int(item[0])


class _Buffers:
    """Items with large buffers, each in a block of its own."""

    def item(self, lock: Any, i: int) -> Any:
        return [i, pickle.PickleBuffer(bytearray([i]) * 5000), pickle.PickleBuffer(bytes([i]) * 70), lock]

    def number(self, item: Any) -> int:
        assert bytes(item[1]) == bytes([item[0]]) * 5000 and bytes(item[2]) == bytes([item[0]]) * 70
        item[3].acquire(False)
        return int(item[0])


class _Long:
    """Items of which three fill a segment."""

    def item(self, lock: Any, i: int) -> Any:
        return bytes([i]) * 1300

    def number(self, item: Any) -> int:
        return int(item[0])


@scenario
class Put(_Put):
    """Small items."""


@scenario
class Get(_Get):
    """Small items."""


@scenario
class PutLarge(_Large, _Put):
    """Items with references: transfer records decide which process owns the parcels."""


@scenario
class GetLarge(_Large, _Get):
    """Items with references: transfer records decide which process owns the parcels."""


@scenario
class PutBuffers(_Buffers, _Put):
    """A message owns its blocks from its publication on."""


@scenario
class GetBuffers(_Buffers, _Get):
    """The process that received a message owns its blocks; no other process does."""


@scenario
class PutLong(_Long, _Put):
    """Items that fill several segments, which are allocated meanwhile."""

    count = 8


@scenario
class GetLong(_Long, _Get):
    """Items that fill several segments, which are freed meanwhile."""

    filled = 9
    count = 8


@scenario
class PutMany(_Large, _Ring):
    """Several items are put by one operation: all or none."""

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        queue, lock, done = world
        queue.put_many([self.item(lock, i) for i in range(5)])
        done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, lock, done = world
        queue.put(self.item(lock, 99), True, 5)
        numbers = [self.number(item) for item in drain(queue)]
        assert numbers == [0, 1, 2, 3, 4, 99] or (numbers == [99] and done.value == 0), numbers


@scenario
class Bounded(_Ring):
    """A queue for one item: a dead consumer must not leave it full, nor a dead producer empty."""

    def prepare(self) -> tuple[Any, Any, Tally]:
        return self.k.TaskQueue(1), self.k.Lock(), Tally()

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        queue, _, done = world
        for i in range(3):
            queue.put(i)
            queue.get()
            done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, _, _ = world
        left = drain(queue)
        assert len(left) <= 1, left
        queue.put("mine", True, 5)
        assert queue.full() and queue.get(True, 5) == "mine"


@scenario
class DropRing(_Large, _Ring):
    """The child drops the last handle to a full queue."""

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        _, lock, _ = world
        mine = self.k.TaskQueue()
        for i in range(4):
            mine.put(self.item(lock, i))
        del mine


@scenario
class Claim(Scenario[tuple[Any, Any, Tally]]):
    """After a consumer's death its claim shows what it took, even if another consumer took the next message since."""

    filled = 6
    count = 4

    def prepare(self) -> tuple[Any, Any, Tally]:
        queue = self.k.TaskQueue()
        for i in range(self.filled):
            queue._send(7, i, [queue] if i % 2 else i)
        return queue, self.k.Claims(2), Tally()

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        queue, claims, done = world
        for _ in range(self.count):
            queue._receive(None, claims, 1)
            done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, claims, done = world
        taken = queue._receive(5, claims, 0)[1]
        queue._recover_claims()
        assert claims.read(0) == (7, taken)
        assert taken in (done.value, done.value + 1)
        expected: set[tuple[int, int] | None] = {(7, taken - 1)}
        if taken in (0, done.value):
            expected.add(None)  # it died before it took the next one, and what it took before is done
        assert claims.read(1) in expected, (claims.read(1), taken, done.value)
        drain_rows(queue)


def drain_rows(queue: Any) -> None:
    """Take all that is in a queue of rows."""
    while not queue.empty():
        queue._receive(5)


@scenario
class GetMany(_Large, _Ring):
    """Several items are taken by one operation."""

    filled = 6

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        queue, _, done = world
        queue.get_many(4)
        done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, lock, done = world
        queue.put(self.item(lock, self.filled), True, 5)
        numbers = [self.number(item) for item in drain(queue)]
        assert numbers in ([0, 1, 2, 3, 4, 5, 6], [4, 5, 6]), numbers
        assert numbers == [4, 5, 6] or done.value == 0
        assert queue.qsize() == 0


@scenario
class GetManyLong(_Long, _Ring):
    """Items in several segments; each segment is taken as a whole."""

    filled = 9

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        queue, _, done = world
        assert len(queue.get_many(8)) == 8
        done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, lock, done = world
        queue.put(self.item(lock, 9), True, 5)
        numbers = [self.number(item) for item in drain(queue)]
        assert numbers == list(range(10))[-len(numbers) :], numbers
        assert numbers == [8, 9] or done.value == 0
        assert queue.qsize() == 0


@scenario
class Weights(_Buffers, _Ring):
    """A queue whose bytes are bounded: after a death it does not stay full, and does not exceed its bound."""

    bound = 20_000

    def prepare(self) -> tuple[Any, Any, Tally]:
        return self.k.TaskQueue(0, self.bound), self.k.Lock(), Tally()

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        queue, lock, done = world
        for i in range(2):
            queue.put(self.item(lock, i))
            queue.put(self.item(lock, i))
            queue.get_many(1) if i % 2 else queue.get()
            done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, lock, _ = world
        drain(queue)
        for i in range(3):
            queue.put(self.item(lock, i), True, 5)
        assert not queue.full()
        assert self.refuses(queue, lock)
        drain(queue)

    def refuses(self, queue: Any, lock: Any) -> bool:
        """Whether a fourth item, of six thousand bytes, does not fit."""
        try:
            queue.put(self.item(lock, 3), False)
        except Full:
            return True
        return False


@scenario
class CloseNow(_Large, _Ring):
    """An immediate shutdown cancels all items by one store: unfinished are only the tasks that were received before."""

    filled = 6

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        queue, _, done = world
        for _ in range(2):
            queue.get()
            done.add()
        queue.shutdown(True)
        done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        queue, _, done = world
        if done.value == 3:
            assert queue.empty()
        queue.shutdown(True)
        assert queue.empty() and queue.qsize() == 0 and queue.is_shutdown
        tasks = 0
        while not queue._join(0):
            queue._task_done()
            tasks += 1
        got = min(done.value, 2)
        assert tasks in (got, got + 1) and tasks <= 3, (tasks, got)
