"""Takers that are told to end: the part of the kernel by which a pool becomes smaller."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from processing_core import ClosedError
from processing_core.lowlevel import Claims, TaskQueue, ensure_family

JOB = 7
taken = threading.Semaphore(0)
"""A permit for each message that a taker has taken."""


@pytest.fixture
def tasks() -> TaskQueue[Any]:
    ensure_family()
    return TaskQueue()


class Taker:
    """A thread that takes messages until it is to end."""

    def __init__(self, tasks: TaskQueue[Any], claims: Claims, number: int) -> None:
        self.taken: list[Any] = []
        self._source = tasks, claims, number
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    def _take(self) -> None:
        tasks, claims, number = self._source
        try:
            while True:
                self.taken.append(tasks._receive(None, claims, number)[4])
                taken.release()
        except ClosedError:
            pass

    def join(self) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()


def test_a_taker_that_sleeps_ends(tasks: TaskQueue[Any]) -> None:
    claims = Claims(2)
    first, second = Taker(tasks, claims, 0), Taker(tasks, claims, 1)
    claims.retire(0)
    tasks._rouse()
    first.join()
    tasks._send(JOB, 1, "left")
    assert taken.acquire(timeout=30)
    assert (first.taken, second.taken) == ([], ["left"])
    claims.retire(1)
    tasks._rouse()
    second.join()


def test_a_message_that_meets_one_that_ends_reaches_another(tasks: TaskQueue[Any]) -> None:
    """It is in the ring, or in the claim of the taker that ends, from which the test returns it as a pool does."""
    for i in range(200):
        claims = Claims(2)
        first, second = Taker(tasks, claims, 0), Taker(tasks, claims, 1)
        sender = threading.Thread(target=tasks._send, args=(JOB, i, i))
        sender.start()
        claims.retire(0)
        tasks._rouse()
        for one in (first, sender):
            one.join()
        look = claims.look(0)
        if look is not None and look[2] < look[3]:
            tasks._send(JOB, i, i)
        assert taken.acquire(timeout=30)
        claims.retire(1)
        tasks._rouse()
        second.join()
        assert first.taken + second.taken == [i]


def test_what_is_there_is_not_taken(tasks: TaskQueue[Any]) -> None:
    claims = Claims(1)
    tasks._send(JOB, 1, "task")
    claims.retire(0)
    with pytest.raises(ClosedError):
        tasks._receive(0, claims, 0)
    assert tasks.qsize() == 1


def test_it_may_be_told_before_it_is_ready_and_its_successor_is_not(tasks: TaskQueue[Any]) -> None:
    claims = Claims(1)
    claims.retire(0)
    claims.write(0, JOB, 1)
    tasks._send(JOB, 1, "task")
    with pytest.raises(ClosedError):
        tasks._receive(0, claims, 0)
    claims.clear(0)
    assert tasks._receive(0, claims, 0)[4] == "task"


def test_no_further_item_of_a_batch_is_begun(tasks: TaskQueue[Any]) -> None:
    claims, results = Claims(1), TaskQueue[Any]()
    tasks._send_batch(JOB, 10, [0, 1, 2, 3, 4], [10])
    items = tasks._receive(0, claims, 0)[4]

    def steps() -> Iterator[int]:
        for item in items:
            if item == 2:
                claims.retire(0)
            yield item * item

    assert results._run(claims, 0, steps()) is None
    results._flush(claims, 0)
    rows = results._receive_many(10, 0)
    assert sum(n for _, _, n, _, _ in rows) == 3
    look = claims.look(0)
    assert look is not None
    assert look[:6] == (JOB, 10, 3, 5, False, 3)
