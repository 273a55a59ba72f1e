"""Interleavings that hypothesis invents, played by a crew of processes and compared with a model of one page.

One step is told to one process, and the test waits until the model's outcome has come: so a step's effects are known
before the next, and a failing example is a short list of steps.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processing_sync import Barrier, BoundedSemaphore, Condition, Semaphore
from processing_testing.forking import Child, Line

Fork = Callable[[Callable[[Line], object]], Child]
SIZE = 4

plays = settings(
    max_examples=12, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
member = st.integers(0, SIZE - 1)


class Crew:
    """Processes that each do one thing when told to, and say what came of it."""

    def __init__(self, fork: Fork, act: Callable[[Line], object]) -> None:
        self._fork, self._act = fork, act
        self._children = [fork(self._live) for _ in range(SIZE)]
        self.busy: list[int] = []

    def _live(self, line: Line) -> None:
        while line.hear() == "act":
            line.say(self._act(line))

    def tell(self, who: int) -> None:
        """Let one begin; it is busy until it was heard."""
        self._children[who].say("act")
        self.busy.append(who)

    def hear(self, who: int) -> Any:
        """What came of it."""
        self.busy.remove(who)
        return self._children[who].hear()

    def hear_any(self) -> tuple[int, Any]:
        """What came of one of the busy, whoever it is."""
        ends = {self._children[who]._end: who for who in self.busy}
        ready = select.select(list(ends), [], [], 20)[0]
        assert ready, f"none of {self.busy} comes back"
        who = ends[ready[0]]
        return who, self.hear(who)

    def kill(self, who: int) -> None:
        """Kill one; another takes its place."""
        self._children[who].kill()
        if who in self.busy:
            self.busy.remove(who)
        self._children[who] = self._fork(self._live)

    def disband(self) -> None:
        """Kill all."""
        for child in self._children:
            if child.status is None:
                child.kill()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "what the model says does not come"
        os.sched_yield()


@pytest.fixture
def crew(fork: Fork) -> Iterator[Callable[[Callable[[Line], object]], Crew]]:
    crews: list[Crew] = []

    def make(act: Callable[[Line], object]) -> Crew:
        crews.append(Crew(fork, act))
        return crews[-1]

    yield make
    for one in crews:
        one.disband()


condition_steps = st.one_of(
    st.tuples(st.just("wait"), member),
    st.tuples(st.just("notify"), st.integers(0, SIZE + 1)),
    st.tuples(st.just("notify all"), st.just(0)),
    st.tuples(st.just("kill"), member),
    st.tuples(st.just("notify and kill"), st.just(1)),
)


class ConditionModel:
    """A line of waiters."""

    def __init__(self, crew: Crew, condition: Condition) -> None:
        self.crew, self.condition = crew, condition
        self.line: list[int] = []

    def step(self, what: str, value: int) -> None:
        if what == "wait" and value not in self.line:
            self.crew.tell(value)
            self.line.append(value)
            until(lambda: self.condition._waiters == len(self.line))
        elif what == "kill":
            self.crew.kill(value)
            self.line = [who for who in self.line if who != value]
        elif what in ("notify", "notify all"):
            n = SIZE if what == "notify all" else value
            with self.condition:
                self.condition.notify_all() if what == "notify all" else self.condition.notify(value)
            woken, self.line = self.line[:n], self.line[n:]
            assert [self.crew.hear(who) for who in woken] == [True] * len(woken)
        elif what == "notify and kill" and self.line:
            with self.condition:
                self.condition.notify()
                self.crew.kill(self.line.pop(0))
            if self.line:
                assert self.crew.hear(self.line.pop(0)) is True
        with self.condition:
            assert self.condition._waiters == len(self.line) == len(self.crew.busy)


@plays
@given(steps=st.lists(condition_steps, min_size=4, max_size=16))
def test_condition(steps: list[tuple[str, int]], crew: Callable[[Callable[[Line], object]], Crew]) -> None:
    condition = Condition()

    def wait(line: Line) -> bool:
        with condition:
            return condition.wait()

    model = ConditionModel(crew(wait), condition)
    for step in steps:
        model.step(*step)
    model.crew.disband()


class SemaphoreModel:
    """A number of permits, and who holds how many."""

    def __init__(self, crew: Crew, semaphore: Any, value: int, reclaims: bool, bounded: bool) -> None:
        self.crew, self.semaphore, self.free = crew, semaphore, value
        self.reclaims, self.most = reclaims, value if bounded else None
        self.held = dict.fromkeys(range(SIZE), 0)
        self.mine = 0

    def step(self, what: str, value: int) -> None:
        if what == "acquire" and value not in self.crew.busy:
            self.crew.tell(value)
        elif what == "try" and not self.crew.busy:
            taken = self.semaphore.acquire(False)
            assert taken == (self.free > 0)
            self.free -= taken
            self.mine += taken
        elif what == "release":
            self._release()
        elif what == "kill":
            self.crew.kill(value)
            if self.reclaims:
                self.free += self.held[value]
            self.held[value] = 0
        self._settle()

    def _release(self) -> None:
        if self.reclaims and not self.mine and any(self.held.values()):
            return  # whose it gives back is not said
        if self.most is not None and self.free == self.most:
            with pytest.raises(ValueError, match="too many"):
                self.semaphore.release()
            return
        self.semaphore.release()
        self.mine -= self.mine > 0
        self.free += 1

    def _settle(self) -> None:
        """As many of those that wait go on as there are permits."""
        while self.free and self.crew.busy:
            who, taken = self.crew.hear_any()
            assert taken is True
            self.free -= 1
            self.held[who] += 1
        if not self.free:
            assert self.semaphore.acquire(False) is False
            assert self.semaphore.get_value() == 0


semaphore_steps = st.one_of(
    st.tuples(st.just("acquire"), member),
    st.tuples(st.just("try"), st.just(0)),
    st.tuples(st.just("release"), st.just(0)),
    st.tuples(st.just("kill"), member),
)


@pytest.mark.parametrize(
    ("make", "reclaims", "bounded"),
    [
        (Semaphore, False, False),
        (lambda n: Semaphore(n, reclaim=True), True, False),
        (BoundedSemaphore, True, True),
    ],
    ids=["Semaphore", "reclaiming", "BoundedSemaphore"],
)
@settings(plays, max_examples=8)
@given(value=st.integers(0, 3), steps=st.lists(semaphore_steps, min_size=4, max_size=14))
def test_semaphore(
    make: Callable[[int], Any],
    reclaims: bool,
    bounded: bool,
    value: int,
    steps: list[tuple[str, int]],
    crew: Callable[[Callable[[Line], object]], Crew],
) -> None:
    semaphore = make(value)
    model = SemaphoreModel(crew(lambda line: semaphore.acquire()), semaphore, value, reclaims, bounded)
    for step in steps:
        model.step(*step)
    model.crew.disband()


PARTIES = 3


class BarrierModel:
    """Who waits, and whether it is broken."""

    def __init__(self, crew: Crew, barrier: Barrier) -> None:
        self.crew, self.barrier = crew, barrier
        self.waiting: list[int] = []
        self.broken = False

    def step(self, what: str, value: int) -> None:
        if what == "wait" and value not in self.waiting:
            self._wait(value)
        elif what == "abort":
            self.barrier.abort()
            self.broken = True
            self._send_away()
        elif what == "reset":
            self.barrier.reset()
            self.broken = False
            self._send_away()
        elif what == "kill" and (value not in self.waiting or len(self.waiting) > 1):
            self.crew.kill(value)
            if value in self.waiting:
                self.waiting.remove(value)
                self.broken = True
                self._send_away()
        until(lambda: self.barrier.n_waiting == len(self.waiting))
        assert self.barrier.broken == self.broken

    def _wait(self, who: int) -> None:
        self.crew.tell(who)
        if self.broken:
            assert self.crew.hear(who) == "broken"
            return
        self.waiting.append(who)
        until(lambda: self.barrier.n_waiting == len(self.waiting) % PARTIES)
        if len(self.waiting) == PARTIES:
            assert sorted(self.crew.hear(one) for one in self.waiting) == list(range(PARTIES))
            self.waiting = []

    def _send_away(self) -> None:
        assert [self.crew.hear(who) for who in self.waiting] == ["broken"] * len(self.waiting)
        self.waiting = []


barrier_steps = st.one_of(
    st.tuples(st.just("wait"), member),
    st.tuples(st.just("wait"), member),
    st.tuples(st.just("abort"), st.just(0)),
    st.tuples(st.just("reset"), st.just(0)),
    st.tuples(st.just("kill"), member),
)


@settings(plays, max_examples=8)
@given(steps=st.lists(barrier_steps, min_size=4, max_size=14))
def test_barrier(steps: list[tuple[str, int]], crew: Callable[[Callable[[Line], object]], Crew]) -> None:
    barrier = Barrier(PARTIES)

    def wait(line: Line) -> object:
        try:
            return barrier.wait()
        except threading.BrokenBarrierError:
            return "broken"

    model = BarrierModel(crew(wait), barrier)
    for step in steps:
        model.step(*step)
    model.crew.disband()
