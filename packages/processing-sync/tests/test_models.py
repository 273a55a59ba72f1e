"""Interleavings that hypothesis generates, executed by a team of processes and compared with a short model.

The test sends each step to one process, and waits until the outcomes of the model have arrived. So the effects of a
step are known before the next one, and a failing example is a short list of steps.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing_core.lowlevel import yield_processor
from processing_sync import Barrier, BoundedSemaphore, Condition, Semaphore
from processing_testing.children.forking import Child
from processing_testing.harness.rendezvous import MessageSocket

Fork = Callable[[Callable[[MessageSocket], object]], Child]
SIZE = 4

few_examples = settings(max_examples=12, database=None)
member = st.integers(0, SIZE - 1)


class Team:
    """Processes that each perform an operation on request, and send its outcome."""

    def __init__(self, fork: Fork, act: Callable[[MessageSocket], object]) -> None:
        self._fork, self._act = fork, act
        self._children = [fork(self._run) for _ in range(SIZE)]
        self.busy: list[int] = []

    def _run(self, line: MessageSocket) -> None:
        while line.receive() == "act":
            line.send(self._act(line))

    def begin(self, number: int) -> None:
        """Let a process begin the operation; it counts as busy until its outcome was received."""
        self._children[number].send("act")
        self.busy.append(number)

    def receive(self, number: int) -> Any:
        """The outcome of a process's operation."""
        self.busy.remove(number)
        return self._children[number].receive()

    def receive_any(self) -> tuple[int, Any]:
        """The number and the outcome of one of the busy processes."""
        ends = {self._children[number]: number for number in self.busy}
        ready = select.select(list(ends), [], [], 20)[0]
        assert ready, f"none of {self.busy} has an outcome"
        number = ends[ready[0]]
        return number, self.receive(number)

    def kill(self, number: int) -> None:
        """Kill a process, and start another with its number."""
        self._children[number].kill()
        if number in self.busy:
            self.busy.remove(number)
        self._children[number] = self._fork(self._run)

    def kill_all(self) -> None:
        """Kill all processes."""
        for child in self._children:
            if child.status is None:
                child.kill()


def await_condition(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "the state of the model is not reached"
        yield_processor()


@pytest.fixture
def team(fork: Fork) -> Iterator[Callable[[Callable[[MessageSocket], object]], Team]]:
    teams: list[Team] = []

    def make(act: Callable[[MessageSocket], object]) -> Team:
        teams.append(Team(fork, act))
        return teams[-1]

    yield make
    for one in teams:
        one.kill_all()


condition_steps = st.one_of(
    st.tuples(st.just("wait"), member),
    st.tuples(st.just("notify"), st.integers(0, SIZE + 1)),
    st.tuples(st.just("notify all"), st.just(0)),
    st.tuples(st.just("kill"), member),
    st.tuples(st.just("notify and kill"), st.just(1)),
)


class ConditionModel:
    """The waiters, in the order in which they began to wait."""

    def __init__(self, team: Team, condition: Condition) -> None:
        self.team, self.condition = team, condition
        self.waiters: list[int] = []

    def step(self, what: str, value: int) -> None:
        if what == "wait" and value not in self.waiters:
            self.team.begin(value)
            self.waiters.append(value)
            await_condition(lambda: self.condition._waiters == len(self.waiters))
        elif what == "kill":
            self.team.kill(value)
            self.waiters = [number for number in self.waiters if number != value]
        elif what in ("notify", "notify all"):
            n = SIZE if what == "notify all" else value
            with self.condition:
                self.condition.notify_all() if what == "notify all" else self.condition.notify(value)
            woken, self.waiters = self.waiters[:n], self.waiters[n:]
            assert [self.team.receive(number) for number in woken] == [True] * len(woken)
        elif what == "notify and kill" and self.waiters:
            with self.condition:
                self.condition.notify()
                self.team.kill(self.waiters.pop(0))
            if self.waiters:
                assert self.team.receive(self.waiters.pop(0)) is True
        with self.condition:
            assert self.condition._waiters == len(self.waiters) == len(self.team.busy)


@few_examples
@given(steps=st.lists(condition_steps, min_size=4, max_size=16))
def test_condition(steps: list[tuple[str, int]], team: Callable[[Callable[[MessageSocket], object]], Team]) -> None:
    condition = Condition()

    def wait(line: MessageSocket) -> bool:
        with condition:
            return condition.wait()

    model = ConditionModel(team(wait), condition)
    for step in steps:
        model.step(*step)
    model.team.kill_all()


class SemaphoreModel:
    """The number of free permits, and how many each process holds."""

    def __init__(self, team: Team, semaphore: Any, value: int, reclaims: bool, bounded: bool) -> None:
        self.team, self.semaphore, self.free = team, semaphore, value
        self.reclaims, self.most = reclaims, value if bounded else None
        self.held = dict.fromkeys(range(SIZE), 0)
        self.mine = 0

    def step(self, what: str, value: int) -> None:
        if what == "acquire" and value not in self.team.busy:
            self.team.begin(value)
        elif what == "try" and not self.team.busy:
            taken = self.semaphore.acquire(False)
            assert taken == (self.free > 0)
            self.free -= taken
            self.mine += taken
        elif what == "release":
            self._release()
        elif what == "kill":
            self.team.kill(value)
            if self.reclaims:
                self.free += self.held[value]
            self.held[value] = 0
        self._receive_permits()

    def _release(self) -> None:
        if self.reclaims and not self.mine and any(self.held.values()):
            return  # which process's permit is released is not specified
        if self.most is not None and self.free == self.most:
            with pytest.raises(ValueError, match="too many"):
                self.semaphore.release()
            return
        self.semaphore.release()
        self.mine -= self.mine > 0
        self.free += 1

    def _receive_permits(self) -> None:
        """Receive the outcomes of as many waiting processes as there are free permits."""
        while self.free and self.team.busy:
            number, taken = self.team.receive_any()
            assert taken is True
            self.free -= 1
            self.held[number] += 1
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
@settings(few_examples, max_examples=8)
@given(value=st.integers(0, 3), steps=st.lists(semaphore_steps, min_size=4, max_size=14))
def test_semaphore(
    make: Callable[[int], Any],
    reclaims: bool,
    bounded: bool,
    value: int,
    steps: list[tuple[str, int]],
    team: Callable[[Callable[[MessageSocket], object]], Team],
) -> None:
    semaphore = make(value)
    model = SemaphoreModel(team(lambda line: semaphore.acquire()), semaphore, value, reclaims, bounded)
    for step in steps:
        model.step(*step)
    model.team.kill_all()


PARTIES = 3


class BarrierModel:
    """The waiting processes, and whether the barrier is broken."""

    def __init__(self, team: Team, barrier: Barrier) -> None:
        self.team, self.barrier = team, barrier
        self.waiting: list[int] = []
        self.broken = False

    def step(self, what: str, value: int) -> None:
        if what == "wait" and value not in self.waiting:
            self._wait(value)
        elif what == "abort":
            self.barrier.abort()
            self.broken = True
            self._expect_broken()
        elif what == "reset":
            self.barrier.reset()
            self.broken = False
            self._expect_broken()
        elif what == "kill" and (value not in self.waiting or len(self.waiting) > 1):
            self.team.kill(value)
            if value in self.waiting:
                self.waiting.remove(value)
                self.broken = True
                self._expect_broken()
        await_condition(lambda: self.barrier.n_waiting == len(self.waiting))
        assert self.barrier.broken == self.broken

    def _wait(self, number: int) -> None:
        self.team.begin(number)
        if self.broken:
            assert self.team.receive(number) == "broken"
            return
        self.waiting.append(number)
        await_condition(lambda: self.barrier.n_waiting == len(self.waiting) % PARTIES)
        if len(self.waiting) == PARTIES:
            assert sorted(self.team.receive(one) for one in self.waiting) == list(range(PARTIES))
            self.waiting = []

    def _expect_broken(self) -> None:
        assert [self.team.receive(number) for number in self.waiting] == ["broken"] * len(self.waiting)
        self.waiting = []


barrier_steps = st.one_of(
    st.tuples(st.just("wait"), member),
    st.tuples(st.just("wait"), member),
    st.tuples(st.just("abort"), st.just(0)),
    st.tuples(st.just("reset"), st.just(0)),
    st.tuples(st.just("kill"), member),
)


@settings(few_examples, max_examples=8)
@given(steps=st.lists(barrier_steps, min_size=4, max_size=14))
def test_barrier(steps: list[tuple[str, int]], team: Callable[[Callable[[MessageSocket], object]], Team]) -> None:
    barrier = Barrier(PARTIES)

    def wait(line: MessageSocket) -> object:
        try:
            return barrier.wait()
        except threading.BrokenBarrierError:
            return "broken"

    model = BarrierModel(team(wait), barrier)
    for step in steps:
        model.step(*step)
    model.team.kill_all()
