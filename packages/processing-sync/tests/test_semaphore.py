from __future__ import annotations

import pickle
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from processing_core import lowlevel
from processing_sync import BoundedSemaphore, Semaphore
from processing_testing.children.forking import Child
from processing_testing.harness.rendezvous import MessageSocket

Fork = Callable[[Callable[[MessageSocket], object]], Child]
AnySemaphore = Semaphore | BoundedSemaphore

PROMISE, NOISE = 1.0, 0.5
LARGEST = 2**31 - 1


@pytest.fixture(params=[Semaphore, BoundedSemaphore])
def kind(request: pytest.FixtureRequest) -> type[AnySemaphore]:
    chosen: type[AnySemaphore] = request.param
    return chosen


class TestLikeThreading:
    @pytest.mark.parametrize(
        ("ours", "model"), [(Semaphore, threading.Semaphore), (BoundedSemaphore, threading.BoundedSemaphore)]
    )
    @pytest.mark.parametrize("value", [0, 1, 3])
    @pytest.mark.parametrize("script", ["aaaa", "arar", "ar2", "aaa2r", "ra", "eeo", "3a", "0"])
    def test_the_same_operations_have_the_same_outcomes(
        self, ours: type[AnySemaphore], model: Callable[[int], Any], value: int, script: str
    ) -> None:
        def act(it: Any, letter: str) -> object:
            try:
                if letter in "ae":
                    return it.acquire(blocking=False)
                if letter in "ro":
                    return it.release()
                return it.release(int(letter))
            except ValueError:
                return ValueError

        mine, theirs = ours(value), model(value)
        for letter in script:
            assert act(mine, letter) == act(theirs, letter)
        assert mine.get_value() == theirs._value

    @pytest.mark.parametrize("wrong", [-1, LARGEST + 1, 10**30, -(10**30)])
    def test_values_out_of_range(self, kind: type[AnySemaphore], wrong: int) -> None:
        with pytest.raises(ValueError, match=f"initial value {wrong}: it must be from 0 to {LARGEST}"):
            kind(wrong)

    @pytest.mark.parametrize("wrong", ["1", 1.0, None])
    def test_values_that_are_no_integers(self, kind: type[AnySemaphore], wrong: Any) -> None:
        with pytest.raises(TypeError, match="must be an integer"):
            kind(wrong)

    @pytest.mark.parametrize(
        ("wrong", "error"), [(0, ValueError), (-1, ValueError), ("1", TypeError), (1.0, TypeError)]
    )
    def test_wrong_numbers_of_releases(self, kind: type[AnySemaphore], wrong: Any, error: type[Exception]) -> None:
        semaphore = kind(3)
        semaphore.acquire()
        with pytest.raises(error, match="n ="):
            semaphore.release(wrong)
        with pytest.raises(TypeError):
            semaphore.release(m=1)  # type: ignore[call-arg]
        assert semaphore.get_value() == 2

    def test_context_manager(self, kind: type[AnySemaphore]) -> None:
        semaphore = kind(2)
        with semaphore as entered:
            assert entered is True
            assert semaphore.get_value() == 1
        assert semaphore.get_value() == 2

    def test_threads_get_no_more_than_there_are(self, kind: type[AnySemaphore]) -> None:
        semaphore, inside, most = kind(3), [0], [0]
        guard = threading.Lock()

        def work() -> None:
            for _ in range(300):
                with semaphore:
                    with guard:
                        inside[0] += 1
                        most[0] = max(most[0], inside[0])
                    with guard:
                        inside[0] -= 1

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert most[0] <= 3
        assert semaphore.get_value() == 3


class TestSemaphore:
    def test_repr(self) -> None:
        assert repr(Semaphore()) == "<Semaphore(value=1)>"
        assert str(Semaphore) == "<class 'processing_sync.Semaphore'>"

    def test_a_release_too_many(self) -> None:
        semaphore = Semaphore(LARGEST - 1)
        semaphore.release()
        with pytest.raises(ValueError, match="too many times"):
            semaphore.release()
        assert semaphore.get_value() == LARGEST

    def test_it_hands_signals_between_processes(self, fork: Fork) -> None:
        to, back = Semaphore(0), Semaphore(0)

        def answer(line: MessageSocket) -> None:
            for _ in range(200):
                to.acquire()
                back.release()

        child = fork(answer)
        for _ in range(200):
            to.release()
            assert back.acquire(timeout=20)
        assert child.join() == 0

    def test_release_of_many_wakes_as_many(self, fork: Fork) -> None:
        semaphore = Semaphore(0)
        waiters = [fork(lambda line: (line.send("ready"), line.send(semaphore.acquire()))) for _ in range(4)]
        for waiter in waiters:
            waiter.receive()
            waiter.await_sleep()
        semaphore.release(4)
        assert [waiter.receive() for waiter in waiters] == [True] * 4

    def test_what_the_dead_acquired_stays_acquired(self, fork: Fork) -> None:
        semaphore = Semaphore(1)
        fork(lambda line: semaphore.acquire()).join()
        assert not semaphore.acquire(timeout=0.6)

    def test_a_pickle_is_another_handle(self) -> None:
        semaphore = Semaphore(0)
        pickle.loads(pickle.dumps(semaphore)).release(5)
        assert semaphore.get_value() == 5

    def test_names_of_old(self, kind: type[AnySemaphore]) -> None:
        class Other(kind):  # type: ignore[misc, valid-type]
            def get_value(self) -> int:
                return 99

        assert kind(4).getValue() == 4
        assert Other().getValue() == 99


class TestBoundedSemaphore:
    def test_repr(self) -> None:
        semaphore = BoundedSemaphore(3)
        semaphore.acquire()
        assert repr(semaphore) == "<BoundedSemaphore(value=2, maxvalue=3)>"

    def test_a_permit_of_another_may_be_released(self, fork: Fork) -> None:
        semaphore = BoundedSemaphore(1)
        semaphore.acquire()
        assert fork(lambda line: semaphore.release()).join() == 0
        assert semaphore.get_value() == 1

    def test_own_permits_are_released_first(self, fork: Fork) -> None:
        semaphore = BoundedSemaphore(4)
        holder = fork(lambda line: (semaphore.acquire(), line.send("has one"), line.receive()))
        holder.receive()
        for _ in range(3):
            semaphore.acquire()
        semaphore.release(3)
        assert semaphore.get_value() == 3
        holder.kill()
        assert [semaphore.acquire(timeout=PROMISE + NOISE) for _ in range(4)] == [True] * 4

    def test_a_release_of_too_many_releases_none(self) -> None:
        semaphore = BoundedSemaphore(3)
        semaphore.acquire()
        with pytest.raises(ValueError, match="too many times"):
            semaphore.release(2)
        assert semaphore.get_value() == 2

    def test_waiters_get_a_dead_holder_s_permits_within_a_second(self, fork: Fork) -> None:
        semaphore = BoundedSemaphore(2)
        holder = fork(lambda line: (semaphore.acquire(), semaphore.acquire(), line.send("has both"), line.receive()))
        holder.receive()
        waiters = [
            fork(lambda line: (line.send("ready"), line.send([semaphore.acquire(), time.monotonic()]), line.receive()))
            for _ in range(2)
        ]
        for waiter in waiters:
            waiter.receive()
            waiter.await_sleep()
        died = time.monotonic()
        holder.kill()
        for waiter in waiters:
            taken, when = waiter.receive()
            assert taken and when - died < PROMISE + NOISE
        assert semaphore.get_value() == 0

    def test_leaving_with_permits_gives_them_back(self, fork: Fork) -> None:
        semaphore = BoundedSemaphore(1)
        assert fork(lambda line: semaphore.acquire()).join() == 0
        assert semaphore.acquire(False)

    def test_many_permits(self) -> None:
        semaphore = BoundedSemaphore(5000)
        for _ in range(5000):
            assert semaphore.acquire(False)
        assert not semaphore.acquire(False)
        semaphore.release(5000)
        assert semaphore.get_value() == 5000

    def test_a_semaphore_without_permits(self) -> None:
        semaphore = BoundedSemaphore(0)
        assert not semaphore.acquire(False)
        with pytest.raises(ValueError, match="too many times"):
            semaphore.release()


@pytest.mark.attack
@pytest.mark.watchdog(600)
def test_no_permit_is_lost_to_kills(fork: Fork, rounds: Callable[[int, int], int]) -> None:
    semaphore = BoundedSemaphore(3)
    inside = lowlevel.Scalar("q")

    def work(line: MessageSocket) -> None:
        line.send("ready")
        while True:
            with semaphore:
                inside.value += 1

    workers = [fork(work) for _ in range(5)]
    for worker in workers:
        worker.receive()
    for _ in range(rounds(30, 1000)):
        workers.pop(random.randrange(5)).kill()
        workers.append(fork(work))
        workers[-1].receive()
        assert semaphore.acquire(timeout=10)
        semaphore.release()
    for worker in workers:
        worker.kill()
    assert [semaphore.acquire(timeout=5) for _ in range(3)] == [True] * 3
    assert not semaphore.acquire(False)
