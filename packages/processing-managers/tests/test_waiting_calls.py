"""A call that waits and is interrupted: the server holds no lock for it, and no item is lost."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from processing_managers._client import link as _link
from processing_managers._server.session import Withdrawn
from processing_managers.managers import SyncManager
from processing_testing.children.interrupting import Interrupt, interrupts
from processing_testing.harness.interruption_points import Interrupter, count_points
from processing_testing.harness.mechanisms import needs_alarms

Context = Any


@pytest.fixture(params=["near", "far"])
def manager(context: Context, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A manager whose calls are sent through rings or, as to another family, through a stream."""
    if request.param == "far":
        if context.get_start_method() != "forkserver":
            pytest.skip("a stream knows nothing of start methods")
        monkeypatch.setattr(_link, "unseal", lambda sealed: None)
    with SyncManager(ctx=context) as started:
        yield started


def elsewhere(function: Callable[[], Any]) -> Any:
    """Call a function in another thread, which is another holder of locks; return its result."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


@pytest.mark.parametrize(("wrong", "error"), [("1", TypeError), (float("nan"), ValueError)])
def test_a_timeout_that_is_no_number(manager: Any, wrong: Any, error: type[Exception]) -> None:
    """It is refused at once: for one that is not a number, the server would wait and spin for ever."""
    queue, condition = manager.Queue(1), manager.Condition()
    full = manager.Queue(1)
    full.put(1)
    calls: list[Callable[[], object]] = [
        lambda: queue.get(timeout=wrong),
        lambda: full.put(2, timeout=wrong),
        lambda: manager.Lock().acquire(timeout=wrong),
        lambda: manager.Event().wait(wrong),
        lambda: manager.Barrier(2).wait(wrong),
        lambda: condition.wait(wrong),
        lambda: condition.wait_for(lambda: False, wrong),
    ]
    with condition:
        for call in calls:
            with pytest.raises(error, match="timeout"):
                call()


@needs_alarms
class TestUndone:
    @pytest.mark.parametrize("kind", ["Lock", "RLock", "BoundedSemaphore", "Semaphore", "Condition"])
    @pytest.mark.parametrize("block", [False, True], ids=["acquire", "with"])
    def test_a_lock_that_was_waited_for(self, manager: Any, kind: str, block: bool) -> None:
        lock = getattr(manager, kind)()
        free, held = threading.Event(), threading.Event()

        def hold() -> None:
            with lock:
                held.set()
                free.wait()

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait()
        with interrupts():
            if block:
                with lock:
                    pass
            else:
                lock.acquire()
        free.set()
        holder.join()
        assert elsewhere(lambda: lock.acquire(False))

    def test_an_item_that_was_waited_for(self, manager: Any) -> None:
        queue = manager.Queue()
        with interrupts():
            queue.get()
        queue.put("item")
        assert queue.get_nowait() == "item"

    def test_an_item_that_found_no_room(self, manager: Any) -> None:
        queue = manager.Queue(1)
        queue.put("first")
        with interrupts():
            queue.put("second")
        assert queue.get() == "first"
        assert queue.empty()

    def test_a_party_that_waited_at_a_barrier(self, manager: Any) -> None:
        barrier = manager.Barrier(2)
        with interrupts():
            barrier.wait()
        assert barrier.n_waiting == 0

    def test_the_condition_is_held_afterwards_as_with_threads(self, manager: Any) -> None:
        condition = manager.Condition()
        with condition:
            condition.acquire()
            with interrupts():
                condition.wait()
            assert not elsewhere(lambda: condition.acquire(False))
            condition.release()
            assert not elsewhere(lambda: condition.acquire(False))
        assert elsewhere(lambda: condition.acquire(False))

    def test_no_thread_of_the_server_goes_on_waiting(self, manager: Any) -> None:
        event = manager.Event()
        for _ in range(3):
            with interrupts():
                event.wait()
        assert event._link.call(None, "calls_under_way", (), {}) == 0


def test_what_was_never_sent_is_not_carried_out_later(manager: Any) -> None:
    lock = manager.Lock()
    lock.acquire(False)
    lock.release()
    link = lock._link
    ticket = link.new_ticket()
    link.undo(ticket)
    with pytest.raises(Withdrawn):
        link.call(lock._id, "acquire", (False,), {}, ticket)
    assert lock.acquire(False)


def test_a_release_is_carried_out_once(manager: Any) -> None:
    lock = manager.BoundedSemaphore(2)
    lock.acquire()
    lock.acquire()
    link = lock._link
    for ticket in (link.new_ticket(), link.new_ticket()):
        link.call(lock._id, "release", (), {}, ticket)
        link.do(ticket, lock._id, "release", ())  # the release was carried out
    ticket = link.new_ticket()
    lock.acquire()
    link.do(ticket, lock._id, "release", ())  # the release was not carried out before
    assert lock.acquire(False) and lock.acquire(False) and not lock.acquire(False)


def test_one_that_is_interrupted_as_soon_as_it_was_sent(manager: Any) -> None:
    """The server handles the call for a long time, so the message that undoes it must use another connection."""
    event = manager.Event()
    link = event._link
    if not link._near:
        pytest.skip("a stream has many points after the answer has come")
    for _ in range(2):  # traced from its second call on
        count_points(lambda: event.wait(0))
    for point in range(1, count_points(lambda: event.wait(0)) - 1):
        before, interrupter = time.monotonic(), Interrupter(point)
        with contextlib.suppress(Interrupt):
            interrupter.run(lambda: event.wait(3))
        assert not interrupter.raised or time.monotonic() - before < 2.5, interrupter.where
        assert not event.is_set()
    assert link.call(None, "calls_under_way", (), {}) == 0
