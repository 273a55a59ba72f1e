"""No exception of a signal handler separates an acquired lock from the ``with`` statement that releases it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import processing
from processing import dummy, util
from processing_core import lowlevel
from processing_testing.harness.signals_at_random import interrupted_repeatedly, is_acquired, times_left_held

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

SUBCLASSES = [processing.Lock, processing.RLock, processing.Semaphore, processing.Condition]


@pytest.mark.every_part
@pytest.mark.parametrize("name", MAKERS)
def test_no_lock_stays_acquired(name: str, rounds: Callable[[int, int], int]) -> None:
    assert times_left_held(MAKERS[name], is_acquired, rounds(60, 2_000)) == 0


@pytest.mark.every_part
@pytest.mark.parametrize("base", SUBCLASSES)
def test_of_a_subclass(base: type, rounds: Callable[[int, int], int]) -> None:
    class Derived(base):  # type: ignore[misc]
        pass

    assert times_left_held(Derived, is_acquired, rounds(60, 2_000)) == 0


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
