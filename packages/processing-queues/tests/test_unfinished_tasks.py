"""Private attributes of multiprocessing's `JoinableQueue`: programs join with a timeout by them."""

from __future__ import annotations

from typing import Any

import processing_queues


class Joined(processing_queues.JoinableQueue[int]):
    def join_within(self, timeout: float) -> bool:
        with self._cond:
            return self._unfinished_tasks._semlock._is_zero() or self._cond.wait(timeout=timeout)


def test_join_with_a_timeout() -> None:
    queue = Joined()
    assert queue.join_within(0)
    queue.put(1)
    queue.put(2)
    assert not queue.join_within(0.01)
    for left in 1, 0:
        queue.get()
        queue.task_done()
        assert queue._unfinished_tasks._semlock._get_value() == queue._unfinished_tasks.get_value() == left
    assert queue.join_within(0)
    assert queue._unfinished_tasks.locked()


def test_the_condition() -> None:
    queue: Any = processing_queues.JoinableQueue()
    condition = queue._cond
    queue.put(1)
    assert condition.acquire()
    assert not condition.wait_for(lambda: queue._unfinished_tasks.locked(), 0.01)
    condition.release()
    queue.task_done()
    assert condition.wait_for(lambda: queue._unfinished_tasks.locked())
    condition.notify_all()
    condition.notify()
