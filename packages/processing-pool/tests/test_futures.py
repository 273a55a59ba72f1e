"""Futures of a pool, which several threads may resolve, or hold."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from typing import Any

import pytest

from processing_pool import Pool, TaskCancelled, _futures
from processing_testing.children import tasks
from processing_testing.harness import pool_state
from processing_testing.harness.backends import wait_until
from processing_testing.harness.rendezvous import Rendezvous


@pytest.mark.parametrize(("ok", "value"), [(True, 9), (False, ValueError()), (False, TaskCancelled("it was"))])
def test_two_threads_may_resolve_the_future(
    pool: Pool, rendezvous: Rendezvous, monkeypatch: pytest.MonkeyPatch, ok: bool, value: Any
) -> None:
    """A thread that collects and one that cancels: the second begins while the first has not finished."""
    future: Any = pool.submit(tasks.report_and_wait, rendezvous.address)
    peer = rendezvous.accept()
    original, of, called = type(future)._set, future.of, []
    future.add_done_callback(called.append)

    def second_comes(self: Any, *args: Any) -> Any:
        monkeypatch.undo()
        second = threading.Thread(target=of.resolve, args=(ok, value))
        second.start()
        second.join()
        return original(self, *args)

    monkeypatch.setattr(type(future), "_set", second_comes)
    of.resolve(ok, value)
    assert concurrent.futures.wait([future], 30).done == {future}
    is_cancelled = isinstance(value, TaskCancelled)
    assert future.cancelled() if is_cancelled else (future.exception() or future.result()) is value
    peer.release()
    assert wait_until(lambda: called == [future])
    assert wait_until(lambda: pool.apply(tasks.square, (2,)) == 4 and pool_state.is_idle(pool))  # that collects it


def test_a_future_that_a_thread_holds_for_ever(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that was interrupted at the beginning of `concurrent.futures.wait`."""
    monkeypatch.setattr(_futures, "LONGEST_HOLD", 0.5)
    held: Any = pool.submit(time.sleep, 0.2)
    called: list[object] = []
    held.add_done_callback(called.append)
    thread = threading.Thread(target=held._condition.acquire)
    thread.start()
    thread.join()
    others = [pool.submit(tasks.square, i) for i in range(20)]
    assert held.result(20) is None
    assert [other.result(20) for other in others] == [i * i for i in range(20)]
    assert concurrent.futures.wait(others, 20).not_done == set()
    assert held.done() and not held.cancelled() and held.exception() is None
    assert wait_until(lambda: called == [held])
