"""A client that was killed or has ended leaves nothing behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import processing_core
from processing_core.lowlevel import yield_processor
from processing_managers import BaseManager
from processing_managers._server.managed_locks import BoundedSemaphore, Condition, Lock, RLock, Semaphore
from processing_managers._server.managed_waits import Barrier, Event, Queue, aware
from processing_managers._server.session import ClientGone, Identity, Session, acting_as
from processing_testing.children import managed
from processing_testing.children.managed import Watched
from processing_testing.harness import scripts
from processing_testing.harness.rendezvous import Rendezvous

Context = Any


@pytest.fixture(scope="module")
def managers() -> Iterator[dict[str, Any]]:
    started: dict[str, Any] = {}
    yield started
    for manager in started.values():
        manager.shutdown()


@pytest.fixture
def manager(context: Context, managers: dict[str, Any]) -> Any:
    method = context.get_start_method()
    if method not in managers:
        managers[method] = Watched(ctx=context)
        managers[method].start()
    return managers[method]


def threads_of(manager: Any) -> int:
    return int(str(manager.thread_count()))


def until(condition: Callable[[], bool]) -> None:
    """Wait until the server has done something by itself; the watchdog bounds the wait."""
    while not condition():
        yield_processor()


class TestKilled:
    def test_what_it_held_is_free(self, context: Context, manager: Any, rendezvous: Rendezvous) -> None:
        locks = [manager.Lock(), manager.RLock(), manager.Condition(), manager.BoundedSemaphore(1)]
        signals = manager.Semaphore(1)
        child = context.Process(target=managed.hold_and_wait, args=([*locks, signals], [], rendezvous.address))
        child.start()
        rendezvous.receive()
        assert not any(lock.acquire(False) for lock in locks)
        child.kill()
        assert all(lock.acquire(True, 30) for lock in locks)
        for lock in locks:
            lock.release()
        with pytest.raises(ValueError, match="too many times"):
            locks[3].release()
        assert signals.acquire(False) is False
        child.join()

    def test_what_awaited_a_lock_takes_none(self, context: Context, manager: Any, rendezvous: Rendezvous) -> None:
        locks = [manager.Lock(), manager.RLock(), manager.BoundedSemaphore(1), manager.Semaphore(1)]
        for lock in locks:
            lock.acquire()
        before = threads_of(manager)
        awaited = [(lock, "acquire") for lock in locks]
        child = context.Process(target=managed.hold_and_wait, args=([], awaited, rendezvous.address))
        child.start()
        rendezvous.receive()
        until(lambda: threads_of(manager) >= before + len(locks) + 1)
        child.kill()
        until(lambda: threads_of(manager) <= before)
        for lock in locks:
            lock.release()
            assert lock.acquire(False)
        child.join()

    def test_what_waited_takes_nothing(self, context: Context, manager: Any, rendezvous: Rendezvous) -> None:
        tasks, full, event, barrier = manager.Queue(), manager.Queue(1), manager.Event(), manager.Barrier(2)
        full.put(0)
        condition = manager.Condition()
        before = threads_of(manager)
        awaited = [(tasks, "get"), (full, "join"), (event, "wait"), (barrier, "wait")]
        child = context.Process(target=managed.hold_and_wait, args=([], awaited, rendezvous.address))
        child.start()
        rendezvous.receive()
        until(lambda: bool(barrier.n_waiting == 1))
        until(lambda: threads_of(manager) >= before + len(awaited) + 1)
        child.kill()
        until(lambda: threads_of(manager) <= before)
        tasks.put("ours")
        assert tasks.get(True, 30) == "ours"
        assert barrier.n_waiting == 0 and not barrier.broken
        with condition:
            condition.notify_all()
        child.join()

    @pytest.mark.attack
    @pytest.mark.watchdog(900)
    def test_many(
        self, context: Context, manager: Any, rendezvous: Rendezvous, rounds: Callable[[int, int], int]
    ) -> None:
        items, lock = manager.list(), manager.Lock()
        objects, threads = manager._number_of_objects(), threads_of(manager)
        bounded = (
            192 if context.get_start_method() == "fork" else 4
        )  # children of the other methods take ten times as long
        for _ in range(rounds(bounded, 340)):  # under three start methods: 200 rounds, or 1,020
            child = context.Process(target=managed.hold_and_wait, args=([lock], [(items, "copy")], rendezvous.address))
            child.start()
            rendezvous.receive()
            child.kill()
            child.join()
            assert lock.acquire(True, 30)
            lock.release()
            items.append(1)
        until(lambda: bool(manager._number_of_objects() == objects))
        until(lambda: threads_of(manager) <= threads)


class TestEnded:
    def test_a_thread_that_ends_leaves_no_thread(self, manager: Any) -> None:
        items = manager.list()
        before = threads_of(manager)
        for _ in range(5):
            thread = threading.Thread(target=items.append, args=(1,))
            thread.start()
            thread.join()
        until(lambda: threads_of(manager) <= before)
        assert len(items) == 5

    def test_a_process_that_ends_holding_a_lock(self, context: Context, manager: Any) -> None:
        lock = manager.Lock()
        child = context.Process(target=managed.call, args=(lock, "acquire"))
        child.start()
        child.join()
        assert lock.acquire(True, 30)


class TestTheirLocks:
    """The referents, used by simulated clients."""

    @pytest.mark.parametrize("make", [Lock, RLock, BoundedSemaphore], ids=lambda make: make.__name__)
    def test_a_waiter_gets_what_an_ended_client_held(self, make: Callable[[], Any]) -> None:
        lock, gone = make(), Session()
        with acting_as(Identity(gone, 1)):
            assert lock.acquire()
        taken: list[bool] = []
        thread = threading.Thread(target=lambda: taken.append(lock.acquire()))
        thread.start()
        gone.leave()
        thread.join()
        assert taken == [True]
        with acting_as(Identity(gone, 1)), pytest.raises(ClientGone):
            lock.acquire()

    @pytest.mark.parametrize("has_it", [False, True])
    def test_a_notification_of_an_ended_client_passes_on(self, has_it: bool) -> None:
        condition, gone, woken = Condition(), Session(), []

        def wait(session: Session | None) -> None:
            with acting_as(Identity(session or Session(), 1)):
                try:
                    with condition:
                        woken.append(condition.wait(30))
                except (ClientGone, RuntimeError):
                    woken.append("gone")

        first = threading.Thread(target=wait, args=(gone,))
        first.start()
        until(lambda: len(condition._waiters) == 1)
        second = threading.Thread(target=wait, args=(None,))
        second.start()
        until(lambda: len(condition._waiters) == 2)
        with condition:
            condition.notify()  # the first waiter is notified, but cannot continue
            if has_it:
                until(lambda: len(condition._lock._monitor._waiters) == 1)  # it waits for the lock by now
            gone.leave()
        first.join()
        second.join()
        assert sorted(map(str, woken)) == ["True", "gone"]

    def test_a_permit_that_another_gave_back_is_not_given_back_twice(self) -> None:
        semaphore, gone, other = BoundedSemaphore(2), Session(), Session()
        with acting_as(Identity(gone, 1)):
            semaphore.acquire()
        with acting_as(Identity(other, 1)):
            semaphore.release()
            semaphore.acquire()
            semaphore.acquire()
        gone.leave()
        assert not semaphore.acquire(False)
        other.leave()
        assert semaphore.acquire(False) and semaphore.acquire(False) and not semaphore.acquire(False)

    def test_the_types_of_threading_are_replaced_by_these(self) -> None:
        class Locks(BaseManager): ...

        Locks.register("Lock", threading.Lock)
        assert isinstance(Locks._registry["Lock"].make((), {}), Lock)
        assert aware(threading.Semaphore) is Semaphore and aware([].append)  # type: ignore[comparison-overlap]

    def test_their_misuse(self) -> None:
        for lock in (Lock(), RLock()):
            with pytest.raises(RuntimeError):
                lock.release()
            with pytest.raises(ValueError, match="non-blocking"):
                lock.acquire(False, 1)
            with pytest.raises(ValueError, match="non-negative"):
                lock.acquire(True, -2)
        condition = Condition(Lock())
        with pytest.raises(RuntimeError):
            condition.wait()

    def test_a_depth_survives_a_wait(self) -> None:
        condition = Condition()
        with condition, condition:
            assert condition.wait(0.01) is False
            assert condition._lock._depth == 2  # type: ignore[attr-defined]
        assert "unlocked" in repr(condition)
        with pytest.raises(RuntimeError):
            condition.notify()

    def test_what_waits_ends_with_its_client(self) -> None:
        session, ended = Session(), []
        waits = [Event().wait, Queue().get, Barrier(2).wait]

        def wait(function: Callable[[], object]) -> None:
            with acting_as(Identity(session, 1)), pytest.raises(ClientGone):
                function()
            ended.append(function)

        threads = [threading.Thread(target=wait, args=(function,)) for function in waits]
        for thread in threads:
            thread.start()
        session.leave()
        for thread in threads:
            thread.join()
        assert len(ended) == 3


class TestReleasedInItsPlace:
    """A child acquires a lock and ends, then the parent releases it: the lock is free already, and that is no error."""

    @pytest.mark.parametrize("kind", ["Lock", "BoundedSemaphore"])
    def test_it_does_nothing_once(self, context: Context, manager: Any, kind: str) -> None:
        lock = getattr(manager, kind)()
        child = context.Process(target=lock.acquire)
        child.start()
        child.join()
        while not lock.acquire(False):  # the server has not yet noticed that the child has ended
            yield_processor()
        lock.release()
        with pytest.raises((RuntimeError, ValueError)):
            lock.release()  # because it was acquired since
        child = context.Process(target=lock.acquire)
        child.start()
        child.join()
        lock.release()
        with pytest.raises((RuntimeError, ValueError)):
            lock.release()


@pytest.mark.parametrize("method", processing_core.get_all_start_methods())
def test_a_channel_that_outlives_the_family_says_nothing(method: str) -> None:
    """As an object does that the interpreter drops last."""
    text = """
        import builtins, gc, sys
        import processing_core
        from processing_managers import Manager
        from processing_managers._client.request_channel import RingChannel

        def use(context):
            manager = Manager(context=context)
            manager.dict()["a"] = 1
            builtins.kept = [thing for thing in gc.get_objects() if type(thing) is RingChannel]
            assert builtins.kept
            manager.shutdown()

        context = processing_core.get_context(sys.argv[1])
        process = context.Process(target=use, args=(context,))
        process.start()
        process.join()
        assert process.exitcode == 0
        use(context)
        """
    assert scripts.errors(text, method) == ""
