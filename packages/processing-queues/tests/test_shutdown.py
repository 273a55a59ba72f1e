"""``Queue.shutdown``, as in ``queue`` from CPython 3.13 on."""

from __future__ import annotations

import queue as names
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from processing_core import BaseContext, lowlevel
from processing_queues import JoinableQueue, Queue, ShutDown
from processing_testing.children import traffic
from processing_testing.harness.rendezvous import Rendezvous

USES: list[Callable[[Any], object]] = [
    lambda queue: queue.put(1),
    lambda queue: queue.put_nowait(1),
    lambda queue: queue.put_many([1, 2]),
    lambda queue: queue.get(),
    lambda queue: queue.get_nowait(),
    lambda queue: queue.get_many(5),
    lambda queue: queue.get(timeout=5),
]


def test_the_error() -> None:
    if sys.version_info >= (3, 13):
        assert ShutDown is names.ShutDown
    assert issubclass(ShutDown, Exception) and not issubclass(ShutDown, ValueError)


class TestGradual:
    def test_what_is_there_can_be_got(self) -> None:
        queue: Queue[int] = Queue()
        queue.put_many([1, 2, 3])
        assert not queue.is_shutdown
        queue.shutdown()
        queue.shutdown()
        assert queue.is_shutdown
        with pytest.raises(ShutDown):
            queue.put(4)
        assert (queue.qsize(), queue.get(), queue.get_many(5)) == (3, 1, [2, 3])
        for use in USES:
            with pytest.raises(ShutDown):
                use(queue)

    def test_tasks_are_still_tasks(self) -> None:
        queue: Queue[int] = Queue()
        queue.put(1)
        queue.shutdown()
        assert not queue._join(0)
        queue.get()
        queue.task_done()
        queue.join()

    def test_of_a_full_queue(self) -> None:
        queue: Queue[int] = Queue(1)
        queue.put(1)
        queue.shutdown()
        with pytest.raises(ShutDown):
            queue.put_nowait(2)


class TestImmediate:
    def test_throws_away_what_is_there(self) -> None:
        queue: Queue[Any] = Queue(5)
        cells = lowlevel.stats()["cells"]
        queue.put_many([1, np.zeros(10_000), Queue(), "x" * 20_000])
        queue.shutdown(immediate=True)
        assert (queue.qsize(), queue.empty(), queue.full()) == (0, True, False)
        assert lowlevel.stats()["cells"] == cells
        for use in USES:
            with pytest.raises(ShutDown):
                use(queue)
        queue.join()

    def test_join_waits_for_what_was_got(self) -> None:
        queue: Queue[int] = Queue()
        queue.put_many([1, 2, 3])
        queue.get()
        queue.shutdown(True)
        assert not queue._join(0)
        queue.task_done()
        queue.join()
        with pytest.raises(ValueError, match="too many"):
            queue.task_done()

    def test_after_a_gradual_one(self) -> None:
        queue: Queue[int] = Queue()
        queue.put(1)
        queue.shutdown()
        queue.shutdown(True)
        with pytest.raises(ShutDown):
            queue.get()

    def test_refused_by_a_closed_queue(self) -> None:
        queue: Queue[int] = Queue()
        queue.close()
        with pytest.raises(ValueError, match="closed"):
            queue.shutdown()


@pytest.mark.parametrize("immediate", [False, True])
class TestWaiting:
    def test_threads(self, immediate: bool) -> None:
        empty: Queue[int] = Queue()
        full: Queue[int] = Queue(1)
        full.put(1)
        refused: list[str] = []

        def wait(name: str, use: Callable[[], object]) -> None:
            with pytest.raises(ShutDown):
                use()
            refused.append(name)

        threads = [
            threading.Thread(target=wait, args=("get", empty.get)),
            threading.Thread(target=wait, args=("get_many", lambda: empty.get_many(3))),
            threading.Thread(target=wait, args=("put", lambda: full.put(2))),
        ]
        for thread in threads:
            thread.start()
        empty.shutdown(immediate)
        full.shutdown(immediate)
        for thread in threads:
            thread.join()
        assert sorted(refused) == ["get", "get_many", "put"]

    def test_processes(self, immediate: bool, context: BaseContext, rendezvous: Rendezvous) -> None:
        queue: JoinableQueue[int] = JoinableQueue()
        children = [
            context.Process(target=traffic.until_shut_down, args=(queue, how, rendezvous.address))
            for how in ("get", "join", "get_many")
        ]
        queue.put(1)
        for child in children:
            child.start()
        for _ in children:
            assert rendezvous.receive() == "here"
        queue.shutdown(immediate)
        if not immediate:
            queue._join(30)
        for child in children:
            child.join()
            assert child.exitcode == 0
