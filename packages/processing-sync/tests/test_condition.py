from __future__ import annotations

import os
import pickle
import random
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from processing_core import NotHeldError, OwnerDied, lowlevel
from processing_sync import Condition, Lock, RLock
from processing_testing.children.forking import Child
from processing_testing.harness.rendezvous import MessageSocket

Fork = Callable[[Callable[[MessageSocket], object]], Child]

PROMISE, NOISE = 1.0, 0.5


def waiting(condition: Condition, timeout: float | None = None) -> Callable[[MessageSocket], object]:
    """A child that waits.  After it has sent "in", the next holder of the lock knows that it waits."""

    def body(line: MessageSocket) -> None:
        with condition:
            line.send("in")
            notified = condition.wait(timeout)
        line.send(notified)

    return body


def start_waiters(fork: Fork, condition: Condition, n: int) -> list[Child]:
    """Start children that wait, one after the other."""
    children = []
    for _ in range(n):
        children.append(fork(waiting(condition)))
        assert children[-1].receive() == "in"
        with condition:
            pass
    assert condition._waiters == n
    return children


def release(condition: Condition, children: list[Child]) -> None:
    """Notify the other children, and check that each has been waiting until now."""
    with condition:
        assert condition._waiters == len(children)
        condition.notify_all()
    assert [child.receive() for child in children] == [True] * len(children)


@pytest.fixture(params=[Lock, RLock])
def condition(request: pytest.FixtureRequest) -> Condition:
    return Condition(request.param())


class TestLikeThreading:
    @pytest.mark.parametrize("kind", ["Lock", "RLock"])
    def test_the_same_operations_have_the_same_outcomes(self, kind: str) -> None:
        acts: list[Callable[[Any], object]] = [
            lambda it: it.notify(),
            lambda it: it.notify_all(),
            lambda it: it.wait(0),
            lambda it: it.release(),
            lambda it: it.acquire(),
            lambda it: it.wait(0.01),
            lambda it: it.wait(timeout=-1),
            lambda it: it.notify(),
            lambda it: it.notify(n=3),
            lambda it: it.notify_all(),
            lambda it: it.wait(0.01),
            lambda it: it.wait_for(lambda: 7),
            lambda it: it.wait_for(lambda: 0, 0.01),
            lambda it: it.wait_for(list, timeout=0),
            lambda it: it.release(),
            lambda it: it.acquire(False),
            lambda it: it.release(),
            lambda it: it.release(),
        ]

        def outcome(act: Callable[[Any], object], it: Any) -> object:
            try:
                return act(it)
            except RuntimeError:
                return RuntimeError

        ours = Condition(Lock() if kind == "Lock" else RLock())
        model = threading.Condition(threading.Lock() if kind == "Lock" else threading.RLock())
        for i, act in enumerate(acts):
            assert outcome(act, ours) == outcome(act, model), i

    def test_errors_are_those_of_multiprocessing_too(self, condition: Condition) -> None:
        for act in (condition.wait, condition.notify, condition.notify_all):
            with pytest.raises(NotHeldError) as caught:
                act()
            assert isinstance(caught.value, AssertionError)

    @pytest.mark.parametrize("wrong", [None, 1, threading.Lock, "lock"])
    def test_a_lock_that_is_none(self, wrong: Any) -> None:
        if wrong is None:
            assert "RLock" in repr(Condition(None))
            return
        with pytest.raises(TypeError, match="needs a Lock or an RLock"):
            Condition(wrong)

    @pytest.mark.parametrize(
        ("wrong", "error"), [(-1, ValueError), ("1", TypeError), (1.5, TypeError), (-(10**30), ValueError)]
    )
    def test_wrong_numbers_of_notifications(self, condition: Condition, wrong: Any, error: type[Exception]) -> None:
        with condition, pytest.raises(error, match="notify of n"):
            condition.notify(wrong)

    def test_it_waits_with_a_reentrant_lock_held_deep(self, fork: Fork) -> None:
        condition = Condition()
        with condition, condition, condition:
            notifier = fork(lambda line: (condition.acquire(), condition.notify(), condition.release()))
            assert condition.wait(20)
            assert repr(condition) == "<Condition(<RLock(MainProcess, 3)>), 0>"
        assert notifier.join() == 0
        assert not condition._lock.locked()

    def test_two_conditions_on_one_lock(self, fork: Fork) -> None:
        lock = Lock()
        first, second = Condition(lock), Condition(lock)
        one, two = start_waiters(fork, first, 1), start_waiters(fork, second, 1)
        with lock:
            second.notify()
        assert two[0].receive() is True
        release(first, one)

    def test_wait_for(self, fork: Fork, condition: Condition) -> None:
        count = lowlevel.Scalar("i")

        def grow(line: MessageSocket) -> None:
            for _ in range(5):
                with condition:
                    count.value += 1
                    condition.notify()

        with condition:
            child = fork(grow)
            assert condition.wait_for(lambda: count.value >= 5, timeout=20)
        assert child.join() == 0


class TestNotify:
    def test_it_wakes_so_many_the_longest_waiting_first(self, fork: Fork, condition: Condition) -> None:
        children = start_waiters(fork, condition, 4)
        with condition:
            condition.notify(2)
        assert [child.receive() for child in children[:2]] == [True, True]
        release(condition, children[2:])

    def test_it_wakes_no_more_than_there_are(self, fork: Fork, condition: Condition) -> None:
        children = start_waiters(fork, condition, 2)
        with condition:
            condition.notify(10**30)
        assert [child.receive() for child in children] == [True, True]
        with condition:
            assert condition.wait(0.05) is False

    def test_it_wakes_no_later_waiter(self, fork: Fork, condition: Condition) -> None:
        with condition:
            condition.notify()
            condition.notify_all()
            assert condition.wait(0.05) is False
        children = start_waiters(fork, condition, 1)
        with condition:
            condition.notify()  # it cannot wake before this process releases the lock
            assert condition.wait(0.05) is False
        assert children[0].receive() is True

    def test_a_notification_that_meets_a_timeout_is_consumed(self, fork: Fork, condition: Condition) -> None:
        timeout = 0.1
        waiter = fork(waiting(condition, timeout))
        waiter.receive()
        with condition:
            time.sleep(3 * timeout)  # its time is up, but it cannot return without the lock
            condition.notify()
        assert waiter.receive() is True

    def test_more_waiters_than_fit_the_first_block(self, condition: Condition) -> None:
        seen: list[bool] = []

        def wait() -> None:
            with condition:
                seen.append(condition.wait(30))

        threads = [threading.Thread(target=wait) for _ in range(150)]
        for thread in threads:
            thread.start()
        while condition._waiters < 150:
            time.sleep(0)
        with condition:
            condition.notify(20)
        while len(seen) < 20:
            time.sleep(0)
        assert condition._waiters == 130
        with condition:
            condition.notify_all()
        for thread in threads:
            thread.join()
        assert seen == [True] * 150

    def test_names_of_old(self, fork: Fork, condition: Condition) -> None:
        children = start_waiters(fork, condition, 2)
        with condition:
            condition.notifyAll()
        assert [child.receive() for child in children] == [True, True]


class TestDeath:
    def test_a_dead_waiter_is_passed_over(self, fork: Fork, condition: Condition) -> None:
        children = start_waiters(fork, condition, 4)
        children[0].kill()
        children[2].kill()
        with condition:
            condition.notify(2)
        assert [children[i].receive() for i in (1, 3)] == [True, True]
        assert condition._waiters == 0

    def test_a_dead_waiter_s_notification_passes_on_to_exactly_one(self, fork: Fork, condition: Condition) -> None:
        children = start_waiters(fork, condition, 4)
        with condition:
            condition.notify()
            children[0].kill()  # notified, but it cannot have taken the lock
        start = time.monotonic()
        assert children[1].receive() is True
        assert time.monotonic() - start < PROMISE + NOISE
        release(condition, children[2:])

    def test_several_dead_in_a_row(self, fork: Fork, condition: Condition) -> None:
        children = start_waiters(fork, condition, 5)
        with condition:
            condition.notify(2)
            for child in children[:3]:
                child.kill()
        assert [child.receive() for child in children[3:]] == [True, True]

    def test_it_does_not_pass_on_to_a_later_waiter(self, fork: Fork, condition: Condition) -> None:
        children = start_waiters(fork, condition, 1)
        with condition:
            condition.notify()
            children[0].kill()
            assert condition.wait(1.0) is False

    def test_the_next_notifier_passes_on_too(self, fork: Fork, condition: Condition) -> None:
        children = start_waiters(fork, condition, 3)
        with condition:
            condition.notify()
            children[0].kill()
            condition.notify()
        assert [child.receive() for child in children[1:]] == [True, True]

    def test_waiters_learn_of_the_lock_s_owner_s_death(self, fork: Fork, condition: Condition) -> None:
        def wait(line: MessageSocket) -> None:
            condition.acquire()
            line.send("in")
            with pytest.raises(OwnerDied) as caught:
                condition.wait()
            line.send([time.monotonic(), caught.value.pid])

        waiter = fork(wait)
        waiter.receive()
        holder = fork(lambda line: (condition.acquire(), line.send("held"), line.receive()))
        holder.receive()
        died = time.monotonic()
        holder.kill()
        learnt, pid = waiter.receive()
        assert learnt - died < PROMISE + NOISE
        assert pid == holder.pid
        with condition._lock.recover():  # type: ignore[attr-defined]
            pass
        with condition:
            condition.notify()
            assert condition.wait(0.05) is False

    def test_entries_of_the_dead_are_used_again(self, fork: Fork, condition: Condition) -> None:
        lowlevel.sweep()
        before = lowlevel.stats()["used"]
        for _ in range(4):
            for child in start_waiters(fork, condition, 7):
                child.kill()
            with condition:
                condition.wait(0)
                condition.notify_all()
        lowlevel.sweep()
        assert lowlevel.stats()["used"] == before


class Interrupted(Exception):
    pass


def interruptible(condition: Condition) -> Callable[[MessageSocket], object]:
    def body(line: MessageSocket) -> None:
        def handler(signum: int, frame: object) -> None:
            line.send("interrupted")
            raise Interrupted

        signal.signal(signal.SIGUSR1, handler)
        condition.acquire()
        line.send("in")
        try:
            condition.wait()
        except Interrupted:
            condition.release()  # it is held again
            line.send("released")

    return body


class TestSignals:
    def test_the_lock_is_held_again_when_the_handler_s_exception_comes(self, fork: Fork, condition: Condition) -> None:
        child = fork(interruptible(condition))
        child.receive()
        with condition:
            pass
        child.await_sleep()
        os.kill(child.pid, signal.SIGUSR1)
        assert [child.receive(), child.receive()] == ["interrupted", "released"]
        assert child.join() == 0
        with condition:
            assert condition._waiters == 0

    def test_a_notification_passes_on_from_an_interrupted_waiter(self, fork: Fork, condition: Condition) -> None:
        interrupted = fork(interruptible(condition))
        interrupted.receive()
        with condition:
            pass
        others = start_more_waiters(fork, condition, 2)
        with condition:
            condition.notify()
            os.kill(interrupted.pid, signal.SIGUSR1)
            assert interrupted.receive() == "interrupted"
        assert interrupted.receive() == "released"
        assert others[0].receive() is True
        release(condition, others[1:])


def start_more_waiters(fork: Fork, condition: Condition, n: int) -> list[Child]:
    children = []
    for _ in range(n):
        children.append(fork(waiting(condition)))
        children[-1].receive()
        with condition:
            pass
    return children


class TestHandles:
    def test_a_pickle_brings_its_lock(self, fork: Fork, condition: Condition) -> None:
        other = pickle.loads(pickle.dumps(condition))
        assert other == condition and other._lock == condition._lock
        assert type(other._lock) is type(condition._lock)
        children = start_waiters(fork, condition, 1)
        with other:
            assert condition._lock.locked()
            other.notify()
        assert children[0].receive() is True

    def test_half_a_pickle_says_so(self, condition: Condition) -> None:
        make, arguments, *_ = condition.__reduce__()
        half = make(*arguments)  # type: ignore[operator]
        for act in (half.acquire, half.release, half.wait, half.notify, half.__enter__):
            with pytest.raises(ValueError, match="without a lock"):
                act()

    def test_a_dropped_condition_leaves_nothing(self) -> None:
        before = lowlevel.stats()["cells"]
        for _ in range(300):
            Condition()
        assert lowlevel.stats()["cells"] == before


def test_repr(fork: Fork) -> None:
    condition = Condition()
    assert repr(condition) == "<Condition(<RLock(None, 0)>), 0>"
    children = start_waiters(fork, condition, 2)
    assert repr(condition) == "<Condition(<RLock(None, 0)>), 2>"
    with condition:
        assert repr(condition) == "<Condition(<RLock(MainProcess, 1)>), 2>"
    release(condition, children)
    assert str(Condition) == "<class 'processing_sync.Condition'>"


def consume(
    condition: Condition, tokens: Any, taken: Any, over: Any, timeout: float | None
) -> Callable[[MessageSocket], object]:
    """A child that takes tokens until there are no more; there is one notification for each token."""

    def body(line: MessageSocket) -> None:
        line.send("ready")
        while True:
            with condition:
                while not tokens.value and not over.value:
                    condition.wait(None if timeout is None else random.random() * timeout)
                if not tokens.value:
                    return
                tokens.value -= 1
                taken.value += 1

    return body


@pytest.mark.attack
@pytest.mark.watchdog(1800)
@pytest.mark.parametrize("kill_every", [None, 500])
def test_no_wake_up_is_lost_between_timed_waits(
    fork: Fork, condition: Condition, rounds: Callable[[int, int], int], kill_every: int | None
) -> None:
    """Two consumers wait for ever, two for about as long as a notification takes: each timeout races a notify.

    A killed consumer does not hold the lock, because the notifier does; its notification is passed on.
    """
    tokens, taken, over = lowlevel.Scalar("q"), lowlevel.Scalar("q"), lowlevel.Scalar("q")
    count = rounds(4000, 1_000_000)
    children = [fork(consume(condition, tokens, taken, over, timeout)) for timeout in (None, None, 2e-4, 2e-4)]
    for child in children:
        child.receive()
    for i in range(count):
        with condition:
            tokens.value += 1
            condition.notify()
            if kill_every and i % kill_every == kill_every - 1:
                children.pop(0).kill()
        if len(children) < 4:
            children.append(fork(consume(condition, tokens, taken, over, random.choice((None, 2e-4)))))
            children[-1].receive()
        if i % 3:
            deadline = time.monotonic() + 20
            while tokens.value:
                assert time.monotonic() < deadline, "a token is left, its notification is lost"
                time.sleep(0)
    with condition:
        over.value = 1
        condition.notify_all()
    assert [child.join() for child in children] == [0] * 4
    assert taken.value == count


@pytest.mark.attack
@pytest.mark.watchdog(900)
def test_no_notification_dies_with_its_receiver(
    fork: Fork, condition: Condition, rounds: Callable[[int, int], int]
) -> None:
    """The notified child is killed while the notifier holds the lock, so it cannot have consumed the notification."""
    tokens, taken, over = lowlevel.Scalar("q"), lowlevel.Scalar("q"), lowlevel.Scalar("q")
    children = [fork(consume(condition, tokens, taken, over, None)) for _ in range(4)]
    for child in children:
        child.receive()
    for i in range(rounds(25, 1000)):
        with condition:
            tokens.value += 1
            condition.notify()
            children.pop(random.randrange(len(children))).kill()
        deadline = time.monotonic() + 10
        while tokens.value:
            assert time.monotonic() < deadline, f"round {i}: a token is left, its notification is lost"
            time.sleep(0)
        children.append(fork(consume(condition, tokens, taken, over, None)))
        children[-1].receive()
    with condition:
        over.value = 1
        condition.notify_all()
    assert [child.join() for child in children] == [0] * 4
