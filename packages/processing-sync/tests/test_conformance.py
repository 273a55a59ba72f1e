"""Every primitive against `threading`'s, in this process and in children of every start method."""

from __future__ import annotations

import threading

import pytest

import processing_core
import processing_sync
from processing_testing.harness import conformance

METHODS = processing_core.get_all_start_methods()


@pytest.mark.parametrize("name", sorted(conformance.ACTS))
class TestTheSameOperationsHaveTheSameOutcomes:
    def test_here(self, name: str) -> None:
        act = conformance.ACTS[name]
        assert act(processing_sync) == act(threading)

    @pytest.mark.parametrize("method", METHODS)
    def test_below(self, name: str, method: str) -> None:
        context = processing_core.get_context(method)
        done, wanted = context.Event(), conformance.ACTS[name](threading)
        child = context.Process(target=conformance.check, args=(name, wanted, done))
        child.start()
        child.join()
        assert (child.exitcode, done.is_set()) == (0, True)


@pytest.mark.parametrize("method", METHODS)
def test_one_of_each_between_parent_and_child(method: str) -> None:
    context = processing_core.get_context(method)
    lock, semaphore, bounded = context.RLock(), context.Semaphore(0), context.BoundedSemaphore(1)
    event, condition, barrier = context.Event(), context.Condition(), context.Barrier(2)
    with condition:
        lock.acquire()
        things = (lock, semaphore, bounded, event, condition, barrier)
        child = context.Process(target=conformance.across, args=things)
        child.start()
        assert event.wait(30)
        lock.release()
        semaphore.release()
        assert condition.wait(30)
    barrier.wait(30)
    child.join()
    assert child.exitcode == 0
    assert bounded.acquire(timeout=30)
