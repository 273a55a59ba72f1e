from __future__ import annotations

import contextlib
import os
import pickle
import random
import signal
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from processing_core import NotHeldError, OwnerDied, lowlevel
from processing_core.lowlevel import yield_processor
from processing_sync import Event, Lock, RLock
from processing_testing.children.forking import Child
from processing_testing.harness.rendezvous import MessageSocket

Fork = Callable[[Callable[[MessageSocket], object]], Child]
AnyLock = Lock | RLock

PROMISE = 1.0
"""Seconds within which a waiter learns of a death."""
NOISE = 0.5
"""Seconds that a loaded machine may add."""


@pytest.fixture(params=[Lock, RLock])
def lock(request: pytest.FixtureRequest) -> AnyLock:
    made: AnyLock = request.param()
    return made


def outcome(act: Callable[[], object]) -> object:
    """What *act* returned, or the class of the error that it raised."""
    try:
        return act()
    except Exception as error:
        return type(error)


def same(ours: object, models: object) -> bool:
    if isinstance(ours, type) and isinstance(models, type):
        return issubclass(ours, models)
    return ours == models


class TestLikeThreading:
    SCRIPTS = (
        "acquire release",
        "release",
        "acquire release release",
        "acquire try release try release",
        "try try release release",
        "acquire later release later",
        "enter exit exit",
        "enter keyword exit",
    )

    @pytest.mark.parametrize(("ours", "model"), [(Lock, threading.Lock), (RLock, threading.RLock)])
    @pytest.mark.parametrize("script", SCRIPTS)
    def test_the_same_operations_have_the_same_outcomes(
        self, ours: type[AnyLock], model: Callable[[], Any], script: str
    ) -> None:
        acts: dict[str, Callable[[Any], object]] = {
            "acquire": lambda it: it.acquire(timeout=0.05),
            "try": lambda it: it.acquire(False),
            "keyword": lambda it: it.acquire(blocking=False),
            "later": lambda it: it.acquire(True, 0.01),
            "release": lambda it: it.release(),
            "enter": lambda it: it.__enter__(),
            "exit": lambda it: it.__exit__(None, None, None),
        }
        lock, other = ours(), model()
        for word in script.split():
            mine, theirs = outcome(lambda act=acts[word]: act(lock)), outcome(lambda act=acts[word]: act(other))
            assert same(mine, theirs), (word, mine, theirs)

    def test_minus_one_waits_for_ever_as_in_threading(self, lock: AnyLock) -> None:
        assert lock.acquire(True, -1)

    def test_negative_timeout_does_not_wait_as_in_multiprocessing(self, fork: Fork, lock: AnyLock) -> None:
        holder = fork(lambda line: (lock.acquire(), line.send("held"), line.receive()))
        holder.receive()
        assert not lock.acquire(timeout=-3.5)

    @pytest.mark.parametrize("wrong", ["1", b"", [], object()])
    def test_timeout_that_is_no_number(self, lock: AnyLock, wrong: object) -> None:
        with pytest.raises(TypeError, match="timeout"):
            lock.acquire(timeout=wrong)  # type: ignore[arg-type]

    def test_timeout_that_is_not_a_number(self, lock: AnyLock) -> None:
        with pytest.raises(ValueError, match="timeout nan"):
            lock.acquire(timeout=float("nan"))

    def test_unknown_arguments(self, lock: AnyLock) -> None:
        with pytest.raises(TypeError):
            lock.acquire(wait=True)  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            lock.acquire(True, 1, 2)  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            type(lock)(1)  # type: ignore[call-arg]

    def test_exit_stacks_and_explicit_calls(self, lock: AnyLock) -> None:
        with contextlib.ExitStack() as stack:
            assert stack.enter_context(lock) is True
            assert lock.locked()
        assert not lock.locked()
        assert type(lock).__enter__(lock) is True
        type(lock).__exit__(lock, None, None, None)
        with pytest.raises(TypeError):
            type(lock).__enter__(object())  # type: ignore[arg-type]

    def test_the_body_s_exception_passes_and_the_lock_is_free(self, lock: AnyLock) -> None:
        with pytest.raises(KeyError), lock:
            raise KeyError
        assert not lock.locked()

    def test_threads_exclude_each_other(self, lock: AnyLock) -> None:
        count = [0]

        def add() -> None:
            for _ in range(2000):
                with lock:
                    count[0] += 1

        run([threading.Thread(target=add) for _ in range(4)])
        assert count == [8000]


def run(threads: Iterable[threading.Thread]) -> None:
    threads = list(threads)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class TestRLock:
    def test_each_thread_counts_for_itself(self) -> None:
        lock, seen = RLock(), []
        with lock, lock:
            run([threading.Thread(target=lambda: seen.append(lock.acquire(False)))])
            run([threading.Thread(target=lambda: seen.append(outcome(lock.release)))])
            assert repr(lock) == "<RLock(MainProcess, 2)>"
        assert seen == [False, NotHeldError]
        run([threading.Thread(target=lambda: seen.append(lock.acquire(False) and lock.release() is None))])
        assert seen[-1] is True

    def test_no_other_thread_releases_it(self, fork: Fork) -> None:
        lock = RLock()
        with lock:
            child = fork(lambda line: line.send(outcome(lock.release) is NotHeldError))
            assert child.receive() is True
            assert lock.locked()


class TestReprs:
    def test_lock(self, fork: Fork) -> None:
        lock, seen = Lock(), []
        assert repr(lock) == "<Lock(owner=None)>"
        with lock:
            assert repr(lock) == "<Lock(owner=MainProcess)>"
            run([threading.Thread(target=lambda: seen.append(repr(lock)))])
            assert fork(lambda line: line.send(repr(lock))).receive() == "<Lock(owner=SomeOtherProcess)>"
        run([threading.Thread(target=lambda: seen.append(lock.acquire() and repr(lock)), name="T")])
        assert seen == ["<Lock(owner=SomeOtherThread)>", "<Lock(owner=MainProcess|T)>"]

    def test_rlock(self, fork: Fork) -> None:
        lock, seen = RLock(), []
        assert repr(lock) == "<RLock(None, 0)>"
        with lock:
            assert repr(lock) == "<RLock(MainProcess, 1)>"
            run([threading.Thread(target=lambda: seen.append(repr(lock)))])
            assert fork(lambda line: line.send(repr(lock))).receive() == "<RLock(SomeOtherProcess, nonzero)>"
        assert seen == ["<RLock(SomeOtherThread, nonzero)>"]

    def test_the_public_class_says_where_it_is_public(self) -> None:
        assert str(Lock) == "<class 'processing_sync.Lock'>"
        assert str(RLock) == "<class 'processing_sync.RLock'>"


class TestHandles:
    def test_a_pickle_is_another_handle_to_the_same_lock(self, lock: AnyLock) -> None:
        other = pickle.loads(pickle.dumps(lock))
        assert type(other) is type(lock)
        assert other == lock and hash(other) == hash(lock)
        with lock:
            assert other.locked()

    def test_a_stale_pickle_raises(self) -> None:
        pickled = pickle.dumps(Lock())
        with pytest.raises(ValueError, match="stale"):
            pickle.loads(pickled)

    def test_a_dropped_lock_leaves_nothing(self, lock: AnyLock) -> None:
        before = lowlevel.stats()["cells"]
        for _ in range(1000):
            type(lock)()
        assert lowlevel.stats()["cells"] == before


def hold(lock: AnyLock) -> Callable[[MessageSocket], object]:
    """A child that holds the lock until it receives a message, or is killed."""
    return lambda line: (lock.acquire(), line.send("held"), line.receive())


def await_death(lock: AnyLock) -> Callable[[MessageSocket], object]:
    """A child that waits for the lock and sends which process died, and when it got the error."""

    def body(line: MessageSocket) -> None:
        line.send("ready")
        try:
            lock.acquire()
        except OwnerDied as error:
            line.send([error.pid, time.monotonic()])

    return body


class TestDeath:
    def test_waiters_learn_within_a_second(self, fork: Fork, lock: AnyLock) -> None:
        holder = fork(hold(lock))
        holder.receive()
        waiters = [fork(await_death(lock)) for _ in range(3)]
        for waiter in waiters:
            waiter.receive()
            waiter.await_sleep()
        died = time.monotonic()
        holder.kill()
        for waiter in waiters:
            pid, learnt = waiter.receive()
            assert pid == holder.pid
            assert learnt - died < PROMISE + NOISE

    def test_later_waiters_learn_too_and_again(self, fork: Fork, lock: AnyLock) -> None:
        holder = fork(hold(lock))
        holder.receive()
        holder.kill()
        for blocking in (True, False, True):
            with pytest.raises(OwnerDied) as caught:
                lock.acquire(blocking)
            assert caught.value.pid == holder.pid
        with pytest.raises(OwnerDied):
            lock.__enter__()
        assert "SomeDeadProcess" in repr(lock)

    def test_leaving_with_the_lock_held_counts_as_death(self, fork: Fork, lock: AnyLock) -> None:
        assert fork(lambda line: lock.acquire()).join() == 0
        with pytest.raises(OwnerDied):
            lock.acquire()

    def test_a_zombie_is_dead(self, fork: Fork, lock: AnyLock) -> None:
        holder = fork(hold(lock))
        holder.receive()
        os.kill(holder.pid, signal.SIGKILL)  # it is not reaped
        with pytest.raises(OwnerDied):
            lock.acquire()

    def test_a_stopped_holder_is_alive(self, fork: Fork, lock: AnyLock) -> None:
        holder = fork(hold(lock))
        holder.receive()
        holder.stop()
        assert not lock.acquire(timeout=1.0)
        holder.go_on()

    def test_a_dead_waiter_blocks_no_other(self, fork: Fork, lock: AnyLock) -> None:
        with lock:
            waiters = [fork(lambda line: (line.send("ready"), lock.acquire())) for _ in range(3)]
            for waiter in waiters:
                waiter.receive()
                waiter.await_sleep()
                waiter.kill()
            last = fork(lambda line: (line.send("ready"), line.send(lock.acquire()), lock.release()))
            last.receive()
            last.await_sleep()
        assert last.receive() is True

    def test_any_member_releases_a_lock(self, fork: Fork) -> None:
        lock = Lock()
        lock.acquire()
        assert fork(lambda line: lock.release()).join() == 0
        assert lock.acquire(False)


class TestRecover:
    @pytest.fixture
    def dead(self, fork: Fork, lock: AnyLock) -> AnyLock:
        holder = fork(hold(lock))
        holder.receive()
        holder.kill()
        return lock

    def test_it_is_held_inside_and_free_after(self, fork: Fork, dead: AnyLock) -> None:
        with dead.recover():
            assert dead.locked()
            assert fork(lambda line: line.send(dead.acquire(False))).receive() is False
        assert dead.acquire(False)

    def test_waiters_go_on_when_the_repair_is_done(self, fork: Fork, dead: AnyLock) -> None:
        with dead.recover():
            waiter = fork(lambda line: (line.send("ready"), line.send(dead.acquire()), dead.release()))
            waiter.receive()
            waiter.await_sleep()
        assert waiter.receive() is True

    def test_a_repair_that_raises_leaves_it_dead(self, dead: AnyLock) -> None:
        with pytest.raises(KeyError), dead.recover():
            raise KeyError
        with pytest.raises(OwnerDied):
            dead.acquire()
        with dead.recover():
            pass
        assert dead.acquire(False)

    def test_a_repairer_that_dies_leaves_it_dead(self, fork: Fork, dead: AnyLock) -> None:
        def repair(line: MessageSocket) -> None:
            with dead.recover():
                line.send("inside")
                line.receive()

        repairer = fork(repair)
        repairer.receive()
        with pytest.raises(NotHeldError), dead.recover():
            pass
        repairer.kill()
        with pytest.raises(OwnerDied):
            dead.acquire()
        with dead.recover():
            pass
        assert dead.acquire(False)

    def test_there_is_nothing_to_recover_from_the_living(self, fork: Fork, lock: AnyLock) -> None:
        with pytest.raises(NotHeldError), lock.recover():
            pass
        holder = fork(hold(lock))
        holder.receive()
        with pytest.raises(NotHeldError), lock.recover():
            pass


@pytest.mark.attack
@pytest.mark.watchdog(600)
def test_half_updated_state_of_killed_holders_is_not_taken_for_sound(
    fork: Fork, lock: AnyLock, rounds: Callable[[int, int], int]
) -> None:
    """Two numbers are equal whenever the lock is acquired without an error; after `OwnerDied` a worker repairs them."""
    left, right = lowlevel.Scalar("q"), lowlevel.Scalar("q")

    def update() -> None:
        try:
            with lock:
                assert left.value == right.value
                left.value += 1
                right.value += 1
        except OwnerDied:
            with contextlib.suppress(NotHeldError), lock.recover():
                right.value = left.value

    def work(line: MessageSocket) -> None:
        line.send("ready")
        while True:
            update()

    workers = [fork(work) for _ in range(3)]
    for worker in workers:
        worker.receive()
    for _ in range(rounds(30, 1000)):
        before, deadline = left.value, time.monotonic() + 10
        while left.value == before:
            assert time.monotonic() < deadline, "no process gets the lock any more"
            yield_processor()
        victim = workers.pop(random.randrange(3))
        victim.kill()
        workers.append(fork(work))
        workers[-1].receive()
    for worker in workers:
        worker.kill()
    update()
    update()
    assert left.value == right.value and left.value > 0


@pytest.mark.attack
def test_no_process_starves_where_eight_compete(fork: Fork, lock: AnyLock, rounds: Callable[[int, int], int]) -> None:
    """Each process acquires the lock while the others compete for it: all start at once, and none pauses."""
    turns, over = rounds(2000, 100_000), Event()

    def compete(line: MessageSocket) -> None:
        line.send("ready")
        line.receive()
        for _ in range(turns):
            with lock:
                pass
        line.send("done")
        while not over.is_set():
            with lock:
                pass

    children = [fork(compete) for _ in range(8)]
    for child in children:
        child.receive()
    for child in children:
        child.send("go")
    assert [child.receive() for child in children] == ["done"] * 8
    over.set()
    assert [child.join() for child in children] == [0] * 8
