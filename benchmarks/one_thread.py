"""The operations that `benchmarks.free_threading` compares, each in one thread of one process.

python -m benchmarks.one_thread OPERATION N

Prints the processor's seconds that one took: the median of bursts, most of which no other process interrupts. What an
operation needs is imported for it alone, so that instructions can be counted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import repeat
from statistics import median
from time import thread_time
from typing import Any

Operation = Callable[[], object]
BURST = 500
RECORD = {"id": 17, "name": "a record", "parts": [1, 2.5, None]}


def acquire_and_release(lock: Any) -> Operation:
    acquire, release = lock.acquire, lock.release

    def operation() -> None:
        acquire()
        release()

    return operation


def enter_and_leave(lock: Any) -> Operation:
    def operation() -> None:
        with lock:
            pass

    return operation


def read_and_write(value: Any) -> Operation:
    def operation() -> None:
        value.value = value.value

    return operation


def send_and_receive(send: Callable[[Any], object], receive: Callable[[], Any], item: Any) -> Operation:
    def operation() -> None:
        send(item)
        receive()

    return operation


def through(queue: Any, item: Any) -> Operation:
    return send_and_receive(queue.put, queue.get, item)


def piped(library: Any, item: Any) -> Operation:
    reading, writing = library.Pipe(duplex=False)
    return send_and_receive(writing.send, reading.recv, item)


def pickled(pickle: Any, item: Any) -> Operation:
    dumps, loads = pickle.dumps, pickle.loads

    def operation() -> None:
        loads(dumps(item))

    return operation


OPERATIONS: dict[str, tuple[str, Callable[[Any], Operation]]] = {
    "lock": ("processing", lambda ours: acquire_and_release(ours.Lock())),
    "rlock": ("processing", lambda ours: acquire_and_release(ours.RLock())),
    "with-lock": ("processing", lambda ours: enter_and_leave(ours.Lock())),
    "event": ("processing", lambda ours: ours.Event().is_set),
    "value": ("processing", lambda ours: read_and_write(ours.Value("q", 5))),
    "queue-int": ("processing", lambda ours: through(ours.Queue(), 5)),
    "queue-dict": ("processing", lambda ours: through(ours.Queue(), RECORD)),
    "pipe-int": ("processing", lambda ours: piped(ours, 5)),
    "pipe-dict": ("processing", lambda ours: piped(ours, RECORD)),
    "threading-lock": ("threading", lambda theirs: acquire_and_release(theirs.Lock())),
    "threading-rlock": ("threading", lambda theirs: acquire_and_release(theirs.RLock())),
    "threading-with": ("threading", lambda theirs: enter_and_leave(theirs.Lock())),
    "threading-event": ("threading", lambda theirs: theirs.Event().is_set),
    "pickle-int": ("pickle", lambda theirs: pickled(theirs, 5)),
    "pickle-dict": ("pickle", lambda theirs: pickled(theirs, RECORD)),
}
"""By name: the module, and what makes the operation from it."""


def main(name: str, n: str) -> None:
    """Do an operation *n* times, or a few times more."""
    module, make = OPERATIONS[name]
    operation = make(__import__(module))
    print(median(burst(operation) for _ in range(0, int(n), BURST)) / BURST)


def burst(operation: Operation) -> float:
    start = thread_time()
    for _ in repeat(None, BURST):
        operation()
    return thread_time() - start


if __name__ == "__main__":
    main(*sys.argv[1:])
