from __future__ import annotations

import itertools
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import processing_core
from processing_core import lowlevel
from processing_core.lowlevel import yield_processor
from processing_sync import Barrier
from processing_testing.children import sharing
from processing_testing.children.forking import Child
from processing_testing.harness.rendezvous import MessageSocket

Fork = Callable[[Callable[[MessageSocket], object]], Child]

PROMISE, NOISE = 1.0, 0.5
BROKEN = "BrokenBarrierError"


def outcome(barrier: Any, *args: Any) -> object:
    """What `wait` returns, or the name of what it raises."""
    try:
        return barrier.wait(*args)
    except Exception as error:
        return type(error).__name__


def await_waiters(barrier: Any, number: int) -> None:
    while barrier.n_waiting != number:
        yield_processor()


class Threads:
    """Threads that wait at a barrier, and the outcomes."""

    def __init__(self, barrier: Any, number: int) -> None:
        self.outcomes: list[object] = []
        work = lambda: self.outcomes.append(outcome(barrier))  # noqa: E731
        self.threads = [threading.Thread(target=work) for _ in range(number)]
        for thread in self.threads:
            thread.start()

    def join(self) -> list[object]:
        for thread in self.threads:
            thread.join()
        return sorted(self.outcomes, key=str)


@pytest.fixture(params=[Barrier, threading.Barrier], ids=["ours", "threading's"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_the_number_of_waiters_is_shown(fork: Fork) -> None:
    barrier = Barrier(3)
    children = [fork(lambda line: barrier.wait()) for _ in range(2)]
    await_waiters(barrier, 2)
    while len(barrier.waiters) < 2:  # it is counted a moment before it waits
        yield_processor()
    assert {waiter.pid for waiter in barrier.waiters} == {child.pid for child in children}
    barrier.wait()
    assert [child.join() for child in children] == [0, 0]
    assert barrier.waiters == []


class TestLikeThreading:
    """Each test is also run with the model, `threading.Barrier`."""

    @pytest.mark.parametrize("parties", [1, 2, 5])
    def test_they_wait_for_each_other_again_and_again(self, kind: Any, parties: int) -> None:
        barrier = kind(parties)
        for _ in range(10):
            threads = Threads(barrier, parties - 1)
            mine = barrier.wait()
            assert sorted([mine, *threads.join()], key=str) == list(range(parties))
        assert (barrier.parties, barrier.n_waiting, barrier.broken) == (parties, 0, False)

    def test_no_thread_is_a_round_ahead(self, kind: Any) -> None:
        barrier, rounds, seen = kind(4), 200, []

        def work() -> None:
            for number in range(rounds):
                barrier.wait()
                seen.append(number)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert max(abs(mine - index // 4) for index, mine in enumerate(seen)) <= 1

    def test_the_action_runs_once_before_any_thread_goes_on(self, kind: Any) -> None:
        done: list[int] = []
        barrier = kind(3, lambda: done.append(len(done)))
        threads = Threads(barrier, 2)
        barrier.wait()
        assert done == [0]
        threads.join()
        assert done == [0]

    def test_an_action_that_raises_breaks_it(self, kind: Any) -> None:
        barrier = kind(2, lambda: 1 // 0)
        threads = Threads(barrier, 1)
        await_waiters(barrier, 1)
        assert outcome(barrier) == "ZeroDivisionError"
        assert threads.join() == [BROKEN]
        assert barrier.broken

    def test_abort_and_reset(self, kind: Any) -> None:
        barrier = kind(3)
        threads = Threads(barrier, 2)
        await_waiters(barrier, 2)
        barrier.abort()
        assert threads.join() == [BROKEN] * 2
        assert barrier.broken and outcome(barrier) == BROKEN
        barrier.reset()
        assert not barrier.broken
        threads = Threads(barrier, 2)
        assert isinstance(barrier.wait(), int)
        threads.join()

    def test_reset_breaks_waiting_threads(self, kind: Any) -> None:
        barrier = kind(3)
        threads = Threads(barrier, 2)
        await_waiters(barrier, 2)
        barrier.reset()
        assert threads.join() == [BROKEN] * 2
        assert not barrier.broken

    @pytest.mark.parametrize("timeout", [0, -1, 0.05])
    def test_a_timeout_breaks_it(self, kind: Any, timeout: float) -> None:
        barrier = kind(2)
        assert outcome(barrier, timeout) == BROKEN
        assert barrier.broken

    def test_the_barriers_own_timeout(self, kind: Any) -> None:
        barrier = kind(2, timeout=0.05)
        assert outcome(barrier) == BROKEN

    def test_the_timeout_does_not_matter_to_the_last(self, kind: Any) -> None:
        assert kind(1).wait(0) == 0

    @pytest.mark.parametrize("script", ["w", "aw", "raw", "arw", "aarww", "ww"])
    def test_alone(self, kind: Any, script: str) -> None:
        model, barrier = threading.Barrier(1), kind(1)
        for letter in script:
            act = {"w": outcome, "a": lambda it: it.abort(), "r": lambda it: it.reset()}[letter]
            assert act(barrier) == act(model)
            assert barrier.broken == model.broken

    def test_a_wrong_timeout(self, kind: Any) -> None:
        assert outcome(kind(2), "1") == "TypeError"


class TestMaking:
    @pytest.mark.parametrize(
        ("parties", "error"), [(0, ValueError), (-1, ValueError), ("2", TypeError), (None, TypeError)]
    )
    def test_wrong_parties(self, parties: Any, error: type[Exception]) -> None:
        with pytest.raises(error):
            Barrier(parties)

    def test_more_than_the_arena_holds(self) -> None:
        with pytest.raises(MemoryError):
            Barrier(2**55)

    def test_repr_is_that_of_multiprocessing(self) -> None:
        barrier = Barrier(3)
        assert repr(barrier) == f"<processing_sync.Barrier at {id(barrier):#x}: waiters=0/3>"
        barrier.abort()
        assert repr(barrier) == f"<processing_sync.Barrier at {id(barrier):#x}: broken>"

    def test_dropped_barriers_leave_nothing(self, rounds: Callable[[int, int], int]) -> None:
        Barrier(2)
        before = lowlevel.stats()["cells"]
        for _ in range(rounds(500, 10_000)):
            Barrier(1).wait()
        assert lowlevel.stats()["cells"] == before

    def test_a_pickle_is_the_same_barrier(self) -> None:
        barrier = Barrier(2, os.getpid, timeout=0.05)
        other = pickle.loads(pickle.dumps(barrier))
        assert other == barrier != Barrier(2) and hash(other) == hash(barrier)
        assert other.parties == 2 and outcome(other) == BROKEN
        assert barrier.broken


class TestBetweenProcesses:
    @pytest.mark.parametrize("method", processing_core.get_all_start_methods())
    def test_under_every_start_method(self, method: str) -> None:
        context = processing_core.get_context(method)
        barrier = context.Barrier(3)
        children = [context.Process(target=sharing.wait_at_barrier, args=(barrier, 20)) for _ in range(2)]
        for child in children:
            child.start()
        sharing.wait_at_barrier(barrier, 20)
        for child in children:
            child.join()
            assert child.exitcode == 0
        assert not barrier.broken

    def test_indexes(self, fork: Fork) -> None:
        barrier = Barrier(4)
        children = [fork(lambda line: line.send([barrier.wait() for _ in range(50)])) for _ in range(3)]
        rows = [[barrier.wait() for _ in range(50)], *(child.receive() for child in children)]
        assert all(sorted(column) == [0, 1, 2, 3] for column in zip(*rows, strict=True))


class TestDeaths:
    def test_a_party_that_dies_while_it_waits(self, fork: Fork) -> None:
        barrier = Barrier(3)
        victim, witness = fork(lambda line: barrier.wait()), fork(lambda line: line.send(outcome(barrier)))
        await_waiters(barrier, 2)
        victim.kill()
        killed = time.monotonic()
        assert witness.receive() == BROKEN
        assert time.monotonic() - killed < PROMISE + NOISE
        assert barrier.broken
        barrier.reset()
        partners = [fork(lambda line: barrier.wait()) for _ in range(2)]
        barrier.wait()
        assert [partner.join() for partner in partners] == [0, 0]

    def test_one_that_died_before_the_others_came(self, fork: Fork) -> None:
        barrier = Barrier(3)
        victim = fork(lambda line: barrier.wait())
        await_waiters(barrier, 1)
        victim.kill()
        begun = time.monotonic()
        assert outcome(barrier) == BROKEN
        assert time.monotonic() - begun < PROMISE + NOISE

    def test_reset_forgets_the_dead(self, fork: Fork) -> None:
        barrier = Barrier(2)
        victim = fork(lambda line: barrier.wait())
        await_waiters(barrier, 1)
        victim.kill()
        barrier.reset()
        assert (barrier.n_waiting, barrier.broken) == (0, False)

    def test_one_that_dies_in_the_action(self, fork: Fork) -> None:
        parent = os.getpid()
        barrier = Barrier(2, lambda: os.getpid() == parent or os.kill(os.getpid(), signal.SIGKILL))
        witness = Threads(barrier, 1)
        await_waiters(barrier, 1)
        victim = fork(lambda line: barrier.wait())
        assert victim.join() == -signal.SIGKILL
        assert witness.join() == [BROKEN]
        assert outcome(barrier) == BROKEN

    def test_kills_at_random_moments(self, fork: Fork, rounds: Callable[[int, int], int]) -> None:
        barrier = Barrier(2)
        moments = itertools.cycle(range(0, 40, 7))

        def turn(line: MessageSocket) -> None:
            line.send("ready")
            for _ in range(10**9):
                outcome(barrier)
                if barrier.broken:
                    barrier.reset()

        for _ in range(rounds(4, 100)):
            children = [fork(turn) for _ in range(2)]
            for child in children:
                child.receive()
            spin(next(moments))
            for child in children:
                child.kill()
            barrier.reset()
            assert barrier.n_waiting == 0
            partner = fork(lambda line: line.send(barrier.wait()))
            assert sorted([barrier.wait(), partner.receive()]) == [0, 1]
            partner.join()


def spin(milliseconds: int) -> None:
    """Spin for a time, to choose the moment of a kill; no synchronization depends on it."""
    end = time.monotonic_ns() + milliseconds * 1_000_000
    while time.monotonic_ns() < end:
        yield_processor()


@pytest.fixture(autouse=True)
def _no_fork_among_threads() -> Iterator[None]:
    """Forks here happen beside threads on purpose."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
        yield
