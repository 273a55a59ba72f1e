"""No exception of a signal handler separates an acquired lock from the ``with`` statement that releases it.

Nor does one end a thread of the project's own that has been begun.
"""

from __future__ import annotations

import contextlib
import contextvars
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import processing
from processing import dummy, util
from processing_core import lowlevel
from processing_testing.harness.mechanisms import needs_signals_to_threads
from processing_testing.harness.signals_at_random import Interrupt, interrupted_repeatedly, is_acquired, times_left_held

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

MAKERS: dict[str, Callable[[], Any]] = {
    "Lock": processing.Lock,
    "RLock": processing.RLock,
    "Semaphore": processing.Semaphore,
    "BoundedSemaphore": processing.BoundedSemaphore,
    "Condition": processing.Condition,
    "Value": partial(processing.Value, "i"),
    "Array": partial(processing.Array, "i", 3),
    "Array with a Lock": lambda: processing.Array("i", 3, lock=processing.Lock()),
    "sharedctypes.synchronized": lambda: processing.sharedctypes.synchronized(processing.RawValue("i")),
    "ForkAwareThreadLock": util.ForkAwareThreadLock,
    "ThreadLock": lowlevel.ThreadLock,
    "ThreadRLock": lowlevel.ThreadRLock,
    "dummy.RLock": dummy.RLock,
    "dummy.Value": partial(dummy.Value, "i", 0),
}


class Late(Exception):
    """As a handler of `SIGALRM` raises."""


SUBCLASSES = [processing.Lock, processing.RLock, processing.Semaphore, processing.Condition]


@needs_signals_to_threads
@pytest.mark.every_part
@pytest.mark.parametrize("name", MAKERS)
def test_no_lock_stays_acquired(name: str, rounds: Callable[[int, int], int]) -> None:
    assert times_left_held(MAKERS[name], is_acquired, rounds(60, 2_000)) == 0


@needs_signals_to_threads
@pytest.mark.every_part
@pytest.mark.parametrize("base", SUBCLASSES)
def test_of_a_subclass(base: type, rounds: Callable[[int, int], int]) -> None:
    class Derived(base):  # type: ignore[misc]
        pass

    assert times_left_held(Derived, is_acquired, rounds(60, 2_000)) == 0


@needs_signals_to_threads
@pytest.mark.every_part
def test_a_scope_guard_ends_its_scope(rounds: Callable[[int, int], int]) -> None:
    lock = threading.RLock()

    def enter() -> None:
        with lowlevel.ScopeGuard(lock.acquire, lock.release):
            pass

    with interrupted_repeatedly() as until_interrupted:
        for _ in range(rounds(200, 5_000)):
            until_interrupted(enter)
            assert not is_acquired(lock)


def test_a_scope_guard_that_is_dropped_calls_what_an_error_calls() -> None:
    calls: list[str] = []
    guard = lowlevel.ScopeGuard(
        partial(calls.append, "enter"), partial(calls.append, "exit"), partial(calls.append, "error")
    )
    assert guard.__enter__()
    del guard
    assert calls == ["enter", "error"]


@pytest.mark.parametrize("name", MAKERS)
def test_the_methods_can_be_called(name: str) -> None:
    """Of the object, of its class, and by an exit stack."""
    thing = MAKERS[name]()
    thing.__enter__()
    assert is_acquired(thing)
    thing.__exit__(None, None, None)
    assert not is_acquired(thing)
    type(thing).__enter__(thing)
    assert is_acquired(thing)
    type(thing).__exit__(thing, None, None, None)
    assert not is_acquired(thing)
    with contextlib.ExitStack() as stack:
        assert stack.enter_context(thing) is True
        assert is_acquired(thing)
    assert not is_acquired(thing)


class TestDaemonThread:
    @needs_signals_to_threads
    @pytest.mark.every_part
    @pytest.mark.parametrize("error", [Interrupt, Late])
    def test_each_one_that_was_begun_runs(self, rounds: Callable[[int, int], int], error: type[BaseException]) -> None:
        begun: list[threading.Thread] = []
        done: list[threading.Thread] = []

        def start() -> None:
            thread = lowlevel.DaemonThread(lambda: done.append(threading.current_thread()), name="one of many")
            try:
                thread.start()
            finally:
                if thread.ident is not None or thread.is_alive():
                    begun.append(thread)

        with interrupted_repeatedly(error) as until_interrupted:
            for _ in range(rounds(400, 2_000)):
                until_interrupted(start)
        for thread in begun:
            thread.join(20)
            assert not thread.is_alive()
        assert {*begun} <= {*done}

    def test_it_is_a_thread(self) -> None:
        var: contextvars.ContextVar[int] = contextvars.ContextVar("var")
        seen: list[object] = []

        def look(number: int) -> None:
            thread = threading.current_thread()
            seen.extend([number, thread, thread in threading.enumerate(), var.get(None)])

        var.set(3)
        thread = lowlevel.DaemonThread(look, (7,), name="looks")
        assert (thread.daemon, thread.name, thread.is_alive()) == (True, "looks", False)
        thread.start()
        thread.join()
        inherits = getattr(sys.flags, "thread_inherit_context", False)
        assert seen == [7, thread, True, 3 if inherits else None]
        assert thread not in threading.enumerate()
        with pytest.raises(RuntimeError, match="only be started once"):
            thread.start()


class TestThreadPool:
    @needs_signals_to_threads
    @pytest.mark.attack
    @pytest.mark.parametrize("use", ["map", "imap", "callbacks"])
    def test_interrupts_block_no_thread(self, use: str, rounds: Callable[[int, int], int]) -> None:
        def callbacks() -> None:
            calls = [pool.apply_async(abs, (i,), callback=[].append) for i in range(30)]
            assert [call.get(30) for call in calls] == [*range(30)]

        with dummy.Pool(2) as pool:
            uses: dict[str, Callable[[], object]] = {
                "map": lambda: pool.map(abs, range(200), 1),
                "imap": lambda: list(pool.imap(abs, range(100))),
                "callbacks": callbacks,
            }
            with interrupted_repeatedly() as until_interrupted:
                for _ in range(rounds(300, 3_000)):
                    until_interrupted(uses[use])
            for again in uses.values():
                again()
            pool.close()
            pool.join()


class TestThreadCondition:
    def test_a_thread_that_waits_is_notified(self) -> None:
        condition = lowlevel.ThreadCondition()
        woken: list[bool] = []
        waits = threading.Semaphore(0)

        def wait() -> None:
            with condition, condition:
                waits.release()
                woken.append(condition.wait(20))

        threads = [threading.Thread(target=wait) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in threads:
            waits.acquire()
        with condition:
            condition.notify()
            condition.notify_all()
        for thread in threads:
            thread.join()
        assert woken == [True] * 3
        with condition:
            assert not condition.wait(0.001)
        with pytest.raises(RuntimeError):
            condition.wait()

    @needs_signals_to_threads
    def test_an_interrupted_wait_leaves_it_free(self, rounds: Callable[[int, int], int]) -> None:
        condition = lowlevel.ThreadCondition()

        def wait() -> None:
            with condition:
                condition.wait(0.0001)

        with interrupted_repeatedly() as until_interrupted:
            for _ in range(rounds(200, 3_000)):
                until_interrupted(wait)
                assert not is_acquired(condition)
        assert not condition._waiters

    @needs_signals_to_threads
    def test_an_interrupted_notification_does_not_prevent_the_next(self, rounds: Callable[[int, int], int]) -> None:
        condition = lowlevel.ThreadCondition()
        over: list[bool] = []

        def wait() -> None:
            with condition:
                while not over:
                    condition.wait()

        def notify() -> None:
            with condition:
                condition.notify_all()

        threads = [threading.Thread(target=wait) for _ in range(3)]
        for thread in threads:
            thread.start()
        with interrupted_repeatedly() as until_interrupted:
            for _ in range(rounds(100, 3_000)):
                until_interrupted(notify)
        over.append(True)
        notify()
        for thread in threads:
            thread.join()


class TestThreadEvent:
    def test_set_wakes_and_clear_does_not(self) -> None:
        event = lowlevel.ThreadEvent()
        assert not event.wait(0.001)
        threads = [threading.Thread(target=event.wait) for _ in range(3)]
        for thread in threads:
            thread.start()
        event.set()
        for thread in threads:
            thread.join()
        assert event.is_set() and event.wait()
        event.clear()
        assert not event.is_set() and not event.wait(0)


class TestBinarySemaphore:
    def test_a_release_is_remembered_once(self) -> None:
        permit = lowlevel.BinarySemaphore()
        permit.release()
        permit.release()
        assert permit.acquire(False)
        assert not permit.acquire(False)

    def test_it_wakes_a_thread(self) -> None:
        permit = lowlevel.BinarySemaphore()
        thread = threading.Thread(target=permit.acquire)
        thread.start()
        permit.release()
        thread.join()
