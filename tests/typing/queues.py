"""A user's program with queues, which mypy and pyright must accept, and whose mistakes they must find."""

from dataclasses import dataclass
from typing import assert_type

import processing


@dataclass(order=True)
class Job:
    priority: int


def first_in_first_out() -> None:
    queue: processing.Queue[int] = processing.Queue(10, max_bytes=1 << 20)
    queue.put(1, timeout=0.5)
    queue.put_many([1, 2])
    assert_type(queue.get(), int)
    assert_type(queue.get(copy=True), int)
    assert_type(queue.get_nowait(), int)
    assert_type(queue.getNoWait(), int)
    assert_type(queue.get_many(5, timeout=1), list[int])
    assert_type(queue.maxsize, int)
    assert_type(queue.is_shutdown, bool)
    queue.put("one")  # type: ignore[arg-type]
    queue.put_many(["one"])  # type: ignore[list-item]
    queue.get_many("all")  # type: ignore[arg-type]
    queue.shutdown(immediate=True)
    queue.task_done()
    queue.join()


def others() -> None:
    joinable: processing.JoinableQueue[str] = processing.JoinableQueue()
    assert_type(joinable.get(), str)
    simple: processing.SimpleQueue[bytes] = processing.SimpleQueue()
    assert_type(simple.get(), bytes)
    simple.put("text")  # type: ignore[arg-type]
    last: processing.LifoQueue[float] = processing.LifoQueue(3)
    assert_type(last.get(), float)
    assert_type(last.get_many(2), list[float])
    last.put("text")  # type: ignore[arg-type]


def least_first() -> None:
    jobs: processing.PriorityQueue[Job] = processing.PriorityQueue()
    jobs.put(Job(1))
    assert_type(jobs.get(), Job)
    words: processing.PriorityQueue[str] = processing.PriorityQueue(key=len)
    assert_type(words.get(timeout=1), str)
    words.put(3)  # type: ignore[arg-type]
    try:
        words.get(False)
    except (processing.Empty, processing.ShutDown):
        pass
