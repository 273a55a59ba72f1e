"""Messages pass through a pile, of which the last or the least is taken first."""

from __future__ import annotations

import pickle
from typing import Any

from processing_testing.crashing.scenario import Scenario, Tally, scenario


class _Pile(Scenario[tuple[Any, Any, Tally]]):
    """A pile, a lock that its items carry, and how many operations the child finished."""

    ordered = False
    filled = 0
    bound = 0

    def item(self, lock: Any, i: int) -> Any:
        """The i-th item: with a reference, and a buffer in a block of its own."""
        return [i, lock, pickle.PickleBuffer(bytearray([i % 256]) * 100)]

    def number(self, item: Any) -> int:
        """Which item it is."""
        item[1].acquire(False)
        assert bytes(item[2]) == bytes([item[0] % 256]) * 100
        return int(item[0])

    def rank(self, i: int) -> Any:
        """So that neither the first nor the last put is the first taken, and ranks differ late."""
        return ("the same beginning", i * 7 % 11)

    def put(self, pile: Any, lock: Any, i: int) -> None:
        """Put the i-th item."""
        pile._put(self.rank(i), self.item(lock, i), True, 5)

    def prepare(self) -> tuple[Any, Any, Tally]:
        pile, lock = self.k.Pile(self.bound, 0, self.ordered), self.k.Lock()
        for i in range(self.filled):
            self.put(pile, lock, i)
        return pile, lock, Tally()

    def order(self, numbers: list[int]) -> list[int]:
        """In what order they are taken."""
        return sorted(numbers, key=self.rank) if self.ordered else numbers[::-1]

    def drain(self, pile: Any) -> list[int]:
        """All that is in it."""
        taken = []
        while pile._qsize():
            taken.append(self.number(pile._get(True, 5)))
        return taken


class _PutPile(_Pile):
    filled = 3
    count = 4

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        pile, lock, done = world
        for i in range(self.count):
            self.put(pile, lock, self.filled + i)
            done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        pile, lock, done = world
        there = pile._qsize()
        assert there in (self.filled + done.value, self.filled + done.value + 1), (there, done.value)
        self.put(pile, lock, 9)
        assert self.drain(pile) == self.order([*range(there), 9])


class _GetPile(_Pile):
    filled = 7
    count = 4

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        pile, _, done = world
        for _ in range(self.count):
            pile._get()
            pile._task_done()
            done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        pile, lock, done = world
        left = self.order(list(range(self.filled)))[self.filled - pile._qsize() :]
        assert self.filled - len(left) in (done.value, done.value + 1), (left, done.value)
        self.put(pile, lock, 9)
        assert self.drain(pile) == (sorted([*left, 9], key=self.rank) if self.ordered else [9, *left])
        for _ in range(self.filled + 1 - done.value - 1):
            pile._task_done()
        if not pile._join(0):
            pile._task_done()
        assert pile._join(0)


@scenario
class PutLast(_PutPile):
    """A stack."""


@scenario
class GetLast(_GetPile):
    """A stack."""


@scenario
class PutLeast(_PutPile):
    """A heap: an item rises to its place, or nothing has moved."""

    ordered = True


@scenario
class GetLeast(_GetPile):
    """A heap: the last item sinks to its place, or nothing has moved."""

    ordered = True


@scenario
class FullPile(_Pile):
    """A pile for one item: a dead taker must not leave it full, nor a dead putter empty."""

    bound = 1

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        pile, lock, done = world
        for i in range(3):
            self.put(pile, lock, i)
            pile._get()
            done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        pile, lock, _ = world
        assert len(self.drain(pile)) <= 1
        self.put(pile, lock, 5)
        assert pile._full() and self.drain(pile) == [5]


@scenario
class CutPile(_Pile):
    """A shutdown at once makes everything void in one instant, however little of it is thrown away yet."""

    ordered = True
    filled = 5

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        pile, _, done = world
        pile._get()
        done.add()
        pile._shutdown(True)
        done.add()

    def verify(self, world: tuple[Any, Any, Tally]) -> None:
        pile, _, done = world
        assert done.value < 2 or pile._qsize() == 0
        pile._shutdown(True)
        tasks = 0
        while not pile._join(0):
            pile._task_done()
            tasks += 1
        assert tasks in (min(done.value, 1), 1), (tasks, done.value)


@scenario
class PagesOfAPile(_Pile):
    """A page of slots is made, and one of another pile is given back."""

    page = 1636

    def prepare(self) -> tuple[Any, Any, Tally]:
        growing, shrinking = self.k.Pile(), self.k.Pile()
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
        for pile in (growing, shrinking):
            n = pile._qsize()
            assert [pile._get() for _ in range(n)] == list(range(n))[::-1]


@scenario
class DropPile(_Pile):
    """The last handle to a full pile is the child's own."""

    ordered = True

    def act(self, world: tuple[Any, Any, Tally]) -> None:
        _, lock, _ = world
        mine = self.k.Pile(0, 0, True)
        for i in range(4):
            self.put(mine, lock, i)
        del mine
