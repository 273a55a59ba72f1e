"""Threads of several processes that use the same primitives.

A *team* is a function that each of those threads runs. It is called with what the threads share and with the number of
rounds, and raises if an invariant does not hold.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from processing_core import lowlevel

TIMEOUT = 60.0


class Shared:
    """What the threads of a team share."""

    def __init__(self, primitive: Any, threads: int) -> None:
        self.primitive, self.threads = primitive, threads
        self.total = lowlevel.Scalar("q", 0)
        self.inside = lowlevel.Scalar("q", 0)
        self.most = lowlevel.Scalar("q", 0)


def excluding(shared: Shared, rounds: int) -> None:
    """Add one, in two steps that no other thread may interrupt."""
    for _ in range(rounds):
        with shared.primitive:
            shared.total.value = shared.total.value + 1


def nested(shared: Shared, rounds: int) -> None:
    """As `excluding`, but the thread acquires the lock twice."""
    for _ in range(rounds):
        with shared.primitive, shared.primitive:
            shared.total.value = shared.total.value + 1


def few_inside(shared: Shared, rounds: int) -> None:
    """Record the largest number of threads that hold the semaphore at once."""
    for _ in range(rounds):
        with shared.primitive:
            now = shared.inside.fetch_add(1) + 1
            while (most := shared.most.value) < now and not shared.most.compare_exchange(most, now):
                pass
            shared.inside.add(-1)
        shared.total.add(1)


def by_turns(shared: Shared, rounds: int) -> None:
    """Each thread takes a ticket and waits until the total reaches it, so every thread waits for others."""
    for _ in range(rounds):
        with shared.primitive:
            mine = shared.inside.fetch_add(1)  # a ticket
            assert shared.primitive.wait_for(lambda mine=mine: shared.total.value == mine, TIMEOUT)
            shared.total.value = mine + 1
            shared.primitive.notify_all()


def all_released(shared: Shared, rounds: int) -> None:
    """Wait for the event, which the last thread that arrives sets."""
    if shared.inside.fetch_add(1) + 1 == shared.threads:
        shared.primitive.set()
    assert shared.primitive.wait(TIMEOUT)
    shared.total.add(rounds)


def in_step(shared: Shared, rounds: int) -> None:
    """No thread begins a round before all threads have ended the previous one."""
    for step in range(rounds):
        assert step * shared.threads <= shared.total.value < (step + 1) * shared.threads
        shared.primitive.wait(TIMEOUT)
        shared.total.add(1)
        shared.primitive.wait(TIMEOUT)


Team = Callable[[Shared, int], None]


def work(team: Team, shared: Shared, threads: int, rounds: int) -> None:
    """Run the team in a number of threads of this process.

    :raises BaseException: the first that one of them raised.
    """
    failures: list[BaseException] = []

    def run() -> None:
        try:
            team(shared, rounds)
        except BaseException as error:
            failures.append(error)

    started = [threading.Thread(target=run) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    if failures:
        raise failures[0]


def work_through(tasks: dict[str, tuple[Team, Shared]], threads: int, rounds: int) -> None:
    """Call `work` for one task after the other."""
    for team, shared in tasks.values():
        work(team, shared, threads, rounds)
