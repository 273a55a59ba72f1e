"""Threads of several processes at work on the same primitives.

A *crew* is a function that each of those threads runs; it gets what its kind shares and how often to go round, and
fails by raising.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from processing_core import lowlevel

PATIENCE = 60.0


class Shared:
    """What a crew works on."""

    def __init__(self, primitive: Any, threads: int) -> None:
        self.primitive, self.threads = primitive, threads
        self.total = lowlevel.Scalar("q", 0)
        self.inside = lowlevel.Scalar("q", 0)
        self.most = lowlevel.Scalar("q", 0)


def excluding(shared: Shared, rounds: int) -> None:
    """Add one, in two steps that nobody may come between."""
    for _ in range(rounds):
        with shared.primitive:
            shared.total.value = shared.total.value + 1


def nested(shared: Shared, rounds: int) -> None:
    """As `excluding`, holding the lock twice."""
    for _ in range(rounds):
        with shared.primitive, shared.primitive:
            shared.total.value = shared.total.value + 1


def few_inside(shared: Shared, rounds: int) -> None:
    """Note how many are inside at once."""
    for _ in range(rounds):
        with shared.primitive:
            now = shared.inside.fetch_add(1) + 1
            while (most := shared.most.value) < now and not shared.most.compare_exchange(most, now):
                pass
            shared.inside.add(-1)
        shared.total.add(1)


def by_turns(shared: Shared, rounds: int) -> None:
    """Each thread takes the next number when the last is even, or odd, in turn: all wait for others."""
    for _ in range(rounds):
        with shared.primitive:
            mine = shared.inside.fetch_add(1)  # a ticket
            assert shared.primitive.wait_for(lambda mine=mine: shared.total.value == mine, PATIENCE)
            shared.total.value = mine + 1
            shared.primitive.notify_all()


def all_released(shared: Shared, rounds: int) -> None:
    """Wait for the event, whoever sets it: the last to come does."""
    if shared.inside.fetch_add(1) + 1 == shared.threads:
        shared.primitive.set()
    assert shared.primitive.wait(PATIENCE)
    shared.total.add(rounds)


def in_step(shared: Shared, rounds: int) -> None:
    """Nobody begins a round before all have ended the last."""
    for step in range(rounds):
        assert step * shared.threads <= shared.total.value < (step + 1) * shared.threads
        shared.primitive.wait(PATIENCE)
        shared.total.add(1)
        shared.primitive.wait(PATIENCE)


Crew = Callable[[Shared, int], None]


def work(crew: Crew, shared: Shared, threads: int, rounds: int) -> None:
    """Run the crew in so many threads of this process.

    :raises BaseException: the first that one of them raised.
    """
    failures: list[BaseException] = []

    def run() -> None:
        try:
            crew(shared, rounds)
        except BaseException as error:
            failures.append(error)

    started = [threading.Thread(target=run) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    if failures:
        raise failures[0]


def work_through(tasks: dict[str, tuple[Crew, Shared]], threads: int, rounds: int) -> None:
    """`work` at one task after the other."""
    for crew, shared in tasks.values():
        work(crew, shared, threads, rounds)
