"""Threads of one process as peers: a queue and a pool between threads, beside what the standard library has for them.

Without a GIL the threads run at the same time. `InterpreterPoolExecutor` is there from CPython 3.14 on.
"""

from __future__ import annotations

import concurrent.futures
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from benchmarks.comparison import Peer, Row

# `processing` is imported only by its own side: a peer's process must not import it, and a sub-interpreter cannot.

WORKERS = 2
ITEM = {"a": 1, "b": [1, 2, 3]}


def square(x: int) -> int:
    """The work of a task, which is next to nothing."""
    return x * x


def busy(x: int) -> int:
    """A millisecond of Python code, about."""
    for i in range(20_000):
        x ^= i
    return x


def stream(make: Callable[[], Any], item: object) -> Callable[[int], float]:
    """One thread puts, another gets."""

    def measure(n: int) -> float:
        box = make()

        def consume() -> None:
            for _ in range(n):
                box.get()

        consumer = threading.Thread(target=consume)
        consumer.start()
        begin = time.perf_counter()
        for _ in range(n):
            box.put(item)
        consumer.join()
        return time.perf_counter() - begin

    return measure


def crowd(make: Callable[[], Any]) -> Callable[[int], float]:
    """Four threads put and get by turns."""

    def measure(n: int) -> float:
        box = make()

        def turns() -> None:
            for i in range(n // 4 + 1):
                box.put(i)
                box.get()

        threads = [threading.Thread(target=turns) for _ in range(4)]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - begin

    return measure


def mapped(make: Callable[[int], Any], function: Callable[[int], int]) -> Callable[[int], float]:
    """A map over n items."""

    def measure(n: int) -> float:
        with make(WORKERS) as workers:
            list(workers.map(function, range(WORKERS)))  # starts the workers
            begin = time.perf_counter()
            list(workers.map(function, range(n)))
            return time.perf_counter() - begin

    return measure


def called(make: Callable[[int], Executor]) -> Callable[[int], float]:
    """Four threads that use one executor, each task by itself."""

    def measure(n: int) -> float:
        with make(WORKERS) as workers:
            list(workers.map(square, range(WORKERS)))

            def calls() -> None:
                for i in range(n // 4 + 1):
                    workers.submit(square, i).result()

            threads = [threading.Thread(target=calls) for _ in range(4)]
            begin = time.perf_counter()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return time.perf_counter() - begin

    return measure


def _queue() -> Any:
    import processing

    return processing.Queue()


def _pool(workers: int) -> Any:
    import processing

    return processing.Pool(workers)


def _process_executor(workers: int) -> Executor:
    import processing

    return processing.ProcessPoolExecutor(workers)


def _interpreters(workers: int) -> Executor:
    from concurrent.futures import InterpreterPoolExecutor  # type: ignore[attr-defined, unused-ignore]

    executor: Executor = InterpreterPoolExecutor(workers)
    return executor


def _executors(side: Callable[[Callable[[int], Executor]], Callable[[int], float]]) -> tuple[Peer, ...]:
    peers = (Peer("ThreadPoolExecutor", side(ThreadPoolExecutor)),)
    if hasattr(concurrent.futures, "InterpreterPoolExecutor"):
        peers += (Peer("InterpreterPoolExecutor", side(_interpreters)),)
    return peers


ROWS = [
    Row(
        "threads-queue-int",
        "ints through a queue, from one thread to another",
        "item",
        stream(_queue, 1),
        (Peer("queue.SimpleQueue", stream(queue.SimpleQueue, 1)), Peer("queue.Queue", stream(queue.Queue, 1))),
        first=1000,
    ),
    Row(
        "threads-queue-dict",
        "small dicts through a queue, from one thread to another",
        "item",
        stream(_queue, ITEM),
        (Peer("queue.SimpleQueue", stream(queue.SimpleQueue, ITEM)), Peer("queue.Queue", stream(queue.Queue, ITEM))),
        first=1000,
    ),
    Row(
        "threads-queue-crowd",
        "four threads that put into one queue and get from it",
        "item",
        crowd(_queue),
        (Peer("queue.SimpleQueue", crowd(queue.SimpleQueue)), Peer("queue.Queue", crowd(queue.Queue))),
        first=1000,
    ),
    Row(
        "threads-pool-map",
        "a map over tasks that do next to nothing",
        "task",
        mapped(_pool, square),
        _executors(lambda make: mapped(make, square)),
        first=100,
    ),
    Row(
        "threads-pool-busy",
        "a map over tasks of a millisecond of Python code",
        "task",
        mapped(_pool, busy),
        _executors(lambda make: mapped(make, busy)),
        first=10,
    ),
    Row(
        "threads-pool-calls",
        "four threads that submit to one executor and wait for each result",
        "task",
        called(_process_executor),
        _executors(called),
        first=100,
    ),
]
