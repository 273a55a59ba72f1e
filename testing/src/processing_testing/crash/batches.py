"""A consumer runs the items of batches and dies: each item has its result, or died with it, or was not begun."""

from __future__ import annotations

import mmap
from typing import Any

from processing_testing.crash.scenario import Scenario, scenario


class Marks:
    """A byte for each item, which survives its writer."""

    def __init__(self, n: int) -> None:
        self._memory = mmap.mmap(-1, n)
        self.n = n

    def add(self, i: int) -> None:
        self._memory[i] += 1

    def list(self) -> list[int]:
        return list(self._memory[: self.n])


World = tuple[Any, Any, Any, Marks]

OWNER = 7


class _Batches(Scenario[World]):
    n, size = 9, 3

    def result(self, i: int, queue: Any) -> Any:
        """The result of item i."""
        return i * i

    def value(self, result: Any) -> Any:
        """The part of a result that is compared."""
        return result

    def prepare(self) -> World:
        items, results = self.k.TaskQueue(), self.k.TaskQueue()
        for first in range(0, self.n, self.size):
            items._send_batch(OWNER, first, list(range(first, first + self.size)), [0])
        return items, results, self.k.Claims(2), Marks(self.n)

    def act(self, world: World) -> None:
        items, results, claims, begun = world
        for _ in range(self.n // self.size):
            _, first, _, _, batch = items._receive(5, claims, 1)
            for i in batch:
                assert i >= first
                begun.add(i)
                if not results._save(claims, 1, self.result(i, items), i % 2 == 1):
                    break
            results._flush(claims, 1)

    def verify(self, world: World) -> None:
        """Recover as the supervisor does: send saved results, and find the item that died and those to run again."""
        items, results, claims, begun = world
        items._recover_claims()
        died: set[int] = set()
        left: set[int] = set()
        look = claims.look(1)
        if look is not None:
            _, b, next_, end, _, finished, _, _ = look
            n, first, saved = claims.saved(1)
            if n:
                results._send_saved(OWNER, b + first, n, saved)
            died = {b + next_ - 1} if finished < next_ else set()
            left = set(range(b + next_, b + end))
        while not items.empty():
            _, first, n, ok, batch = items._receive(5, claims, 0)
            assert ok is True and batch == list(range(first, first + n))
            left |= set(batch)
        done = self._done(results)
        assert done | died | left == set(range(self.n)), (done, died, left)
        assert not left & (done | died), (done, died, left)
        marks = begun.list()
        assert max(marks) <= 1
        assert {i for i in range(self.n) if marks[i]} <= done | died
        assert not any(marks[i] for i in left), (marks, left)

    def _done(self, results: Any) -> set[int]:
        done: set[int] = set()
        while not results.empty():
            _, first, n, ok, values = results._receive(5)
            numbers = range(first, first + n) if n else [first]
            for i, value in zip(numbers, values if n else [values], strict=True):
                assert self.value(value) == self.value(self.result(i, results)), (i, value)
                done.add(i)
            if n:
                assert (ok or []) == ([i - first for i in numbers if i % 2] or True), (first, n, ok)
        return done


@scenario
class Batches(_Batches):
    """Small results are collected in the result buffer."""


@scenario
class RunBatches(_Batches):
    """The kernel calls the function."""

    def act(self, world: World) -> None:
        items, results, claims, begun = world

        def run(i: int) -> int:
            begun.add(i)
            if i % 2:
                raise ValueError
            return i * i

        for _ in range(self.n // self.size):
            pending, more = map(run, items._receive(5, claims, 1)[4]), True
            while more:
                try:
                    results._run(claims, 1, pending)
                    break
                except ValueError:
                    i = claims.look(1)[1] + claims.look(1)[5]
                    more = results._save(claims, 1, i * i, True)
            results._flush(claims, 1)


@scenario
class BatchesOfLarge(_Batches):
    """Some results are sent by themselves, because they contain a reference."""

    def result(self, i: int, queue: Any) -> Any:
        return [i, queue] if i % 3 == 1 else i

    def value(self, result: Any) -> Any:
        return result[0] if isinstance(result, list) else result

    def _done(self, results: Any) -> set[int]:
        done: set[int] = set()
        while not results.empty():
            _, first, n, _, values = results._receive(5)
            for i, value in enumerate(values if n else [values], first):
                assert self.value(value) == i
                done.add(i)
        return done


@scenario
class BatchesOfLong(_Batches):
    """Three results fill the result buffer."""

    n, size = 8, 8

    def result(self, i: int, queue: Any) -> Any:
        return bytes([i]) * 2600


@scenario
class Cancelling(Scenario[World]):
    """A process that cancels messages is killed: each message is either cancelled or received once, whole."""

    def prepare(self) -> World:
        items, _ = self.k.TaskQueue(), None
        for i in range(8):
            items._send(OWNER, i, [i, items] if i % 2 else i)
        return items, None, self.k.Claims(1), Marks(1)

    def act(self, world: World) -> None:
        items, _, _, done = world
        items._cancel(OWNER, 2, 5)
        done.add(0)

    def verify(self, world: World) -> None:
        items, _, claims, done = world
        items._shut()
        taken = []
        while True:
            try:
                row = items._receive(5, claims, 0)
            except ValueError:
                break
            taken.append(row[1])
        assert taken == sorted(taken) and {0, 1, 6, 7} <= set(taken), taken
        if done.list() == [1]:
            assert taken == [0, 1, 6, 7]
