from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import processing_core
import processing_sync
from processing_core import OwnerDied, lowlevel
from processing_core.lowlevel import yield_processor
from processing_sync import BoundedSemaphore, Condition, Event, Lock, Primitive, RLock, Semaphore
from processing_testing.children import killing, sharing
from processing_testing.children.forking import Child
from processing_testing.harness.mechanisms import needs_forks
from processing_testing.harness.rendezvous import MessageSocket

Fork = Callable[[Callable[[MessageSocket], object]], Child]
METHODS = processing_core.get_all_start_methods()


def shown(thing: lowlevel.Handle) -> Primitive:
    """The row of an object in the walk over the arena."""
    (found,) = (p for p in processing_sync.primitives() if p.cell == thing.cell)
    return found


def await_waiters(thing: Any, number: int) -> None:
    deadline = time.monotonic() + 20
    while len(thing.waiters) != number:
        assert time.monotonic() < deadline, thing.waiters
        yield_processor()


@pytest.fixture(params=[Lock, RLock])
def lock(request: pytest.FixtureRequest) -> Any:
    return request.param()


class TestOwner:
    def test_nobody(self, lock: Any) -> None:
        assert (lock.owner, lock.waiters) == (None, [])
        assert shown(lock) == (type(lock).__name__, lock.cell, [], [], None)

    def test_this_process(self, lock: Any) -> None:
        with lock:
            owner = lock.owner
            assert (owner.pid, owner.alive, owner.amount, owner.repairing) == (os.getpid(), True, 1, False)
            assert 0 <= owner.held < 20
            assert shown(lock).holders[0][:4] == owner[:4]
        assert lock.owner is None

    def test_depth(self) -> None:
        lock = RLock()
        with lock, lock, lock:
            assert lock.owner is not None and lock.owner.amount == 3

    @pytest.mark.parametrize("method", METHODS)
    def test_a_name_that_is_cut_off_within_a_character(self, method: str, lock: Any) -> None:
        context = processing_core.get_context(method)
        held = context.Event()
        child = context.Process(target=sharing.hold_for_ever, args=(lock, held), name="ä" * 40)
        child.start()
        assert held.wait(30)
        try:
            assert lock.owner[:3] == (child.pid, "ä" * 31 + "\N{REPLACEMENT CHARACTER}", True)
        finally:
            child.kill()
            child.join()

    @pytest.mark.parametrize("method", METHODS)
    def test_a_named_child_that_dies(self, method: str, lock: Any) -> None:
        context = processing_core.get_context(method)
        held = context.Event()
        child = context.Process(target=sharing.hold_for_ever, args=(lock, held), name="holder")
        child.start()
        assert held.wait(30)
        assert lock.owner[:3] == (child.pid, "holder", True)
        child.kill()
        child.join()
        with pytest.raises(OwnerDied, match=rf"the process holder \(pid {child.pid}, exit code -9\).* s") as caught:
            lock.acquire()
        error = caught.value
        assert (error.pid, error.process_name, error.exitcode) == (child.pid, "holder", -killing.SIGKILL)
        assert error.held is not None and 0 <= error.held < 30
        assert lock.owner[:3] == (child.pid, "holder", False)
        with lock.recover():
            assert lock.owner.repairing
            assert lock.owner.pid == os.getpid()
        assert lock.owner is None

    @pytest.mark.parametrize("method", METHODS)
    def test_a_child_that_leaves_without_releasing(self, method: str, lock: Any) -> None:
        context = processing_core.get_context(method)
        child = context.Process(target=sharing.acquire, args=(lock,), name="careless")
        child.start()
        child.join()
        with pytest.raises(OwnerDied) as caught:
            lock.acquire(timeout=5)
        assert (caught.value.pid, caught.value.process_name, caught.value.exitcode) == (child.pid, "careless", 0)

    @needs_forks
    def test_a_name_that_was_cut_within_a_letter(self, lock: Any) -> None:
        context = processing_core.get_context("fork")
        child = context.Process(target=sharing.acquire, args=(lock,), name="n" + "ä" * 60)
        child.start()
        child.join()
        with pytest.raises(OwnerDied, match="nääää"):
            lock.acquire()


class TestWaiters:
    def test_of_a_lock(self, fork: Fork, lock: Any) -> None:
        with lock:
            children = [fork(lambda line: lock.acquire() and lock.release()) for _ in range(2)]
            await_waiters(lock, 2)
            assert {waiter.pid for waiter in lock.waiters} == {child.pid for child in children}
            children[0].kill()
            assert [waiter.pid for waiter in shown(lock).waiters] == [children[1].pid]
        assert children[1].join() == 0
        assert lock.waiters == []

    @pytest.mark.parametrize("make", [Event, Condition, lambda: Semaphore(0), lambda: BoundedSemaphore(0)])
    def test_of_others(self, fork: Fork, make: Callable[[], Any]) -> None:
        thing = make()

        def wait(line: MessageSocket) -> None:
            if isinstance(thing, Condition):
                thing.acquire()
            thing.acquire() if hasattr(thing, "get_value") else thing.wait()

        child = fork(wait)
        await_waiters(thing, 1)
        assert thing.waiters == shown(thing).waiters
        assert thing.waiters[0].pid == child.pid
        child.kill()
        assert thing.waiters == []

    def test_more_threads_than_are_shown(self) -> None:
        event = Event()
        threads = [threading.Thread(target=event.wait) for _ in range(12)]
        for thread in threads:
            thread.start()
        await_waiters(event, 8)
        event.set()
        for thread in threads:
            thread.join()
        assert event.waiters == []


class TestHolders:
    @pytest.mark.parametrize("make", [lambda: Semaphore(5, reclaim=True), lambda: BoundedSemaphore(5)])
    def test_permits(self, fork: Fork, make: Callable[[], Any]) -> None:
        semaphore = make()

        def hold(line: MessageSocket) -> None:
            semaphore.acquire()
            semaphore.acquire()
            line.send("held")
            line.receive()

        child = fork(hold)
        child.receive()
        with semaphore:
            amounts = {holder.pid: holder.amount for holder in semaphore.holders}
            assert amounts == {child.pid: 2, os.getpid(): 1}
            assert shown(semaphore).holders == semaphore.holders

    def test_permits_that_are_signals_have_none(self) -> None:
        with Semaphore(2) as semaphore:
            assert semaphore is True
        assert Semaphore(2).holders == []


class TestCreation:
    @pytest.fixture(autouse=True)
    def _recording(self) -> Iterator[None]:
        processing_sync.record_creation()
        yield
        processing_sync.record_creation(False)

    def test_the_line_that_made_it(self) -> None:
        lock, line = Lock(), sys._getframe().f_lineno
        barrier = processing_sync.Barrier(2)
        assert shown(lock).created == f"{__file__}:{line}"
        assert shown(barrier._lock).created == f"{__file__}:{line + 1}"

    def test_it_goes_with_its_primitive(self) -> None:
        before = lowlevel.stats()
        for _ in range(300):
            Lock()
        processing_sync.record_creation(False)
        assert shown(Lock()).created is None
        assert lowlevel.stats()["cells"] == before["cells"]

    def test_the_environment_turns_it_on(self) -> None:
        program = "import processing_sync as s; lock = s.Lock(); print(s.primitives()[0].created)"
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert run.stdout.strip() == "<string>:1"


def test_outside_a_family_there_is_nothing() -> None:
    program = "import processing_sync as s; print(s.primitives())"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_hundred_thousand_at_once() -> None:
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    kinds: list[Callable[[], Any]] = [Lock, RLock, Semaphore, BoundedSemaphore, Event]
    things = [kind() for kind in kinds for _ in range(20_000)]
    with things[12_345]:
        held = [p for p in processing_sync.primitives() if p.holders]
    assert [p.cell for p in held] == [things[12_345].cell]
    assert len(os.listdir("/proc/self/fd")) <= before
    del things
    lowlevel.verify()


@pytest.mark.attack
def test_the_walk_while_everything_is_made_used_and_dropped(fork: Fork, rounds: Callable[[int, int], int]) -> None:
    """Every row is consistent: it names a kind, living waiters, and at most one holder of a lock."""
    shared = Lock()

    def churn(line: MessageSocket) -> None:
        processing_sync.record_creation()
        line.send("in")
        while True:
            with shared, RLock(), Condition(), BoundedSemaphore(40):
                Event().wait(0)
            Semaphore(3, reclaim=True).acquire()

    children = [fork(churn) for _ in range(3)]
    for child in children:
        child.receive()
    for _ in range(rounds(150, 10_000)):
        for row in processing_sync.primitives():
            assert len(row.holders) <= 1 or row.kind.endswith("Semaphore")
            assert row.created is None or row.created.startswith(__file__), row
            assert all(waiter.pid in {child.pid for child in children} for waiter in row.waiters)
    for child in children:
        child.kill()
