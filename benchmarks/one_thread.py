"""The operations that `benchmarks.free_threading` compares, each in one thread of one process.

python -m benchmarks.one_thread OPERATION N

Prints the seconds that one took. What an operation needs is imported for it alone, so that instructions can be counted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import repeat
from time import perf_counter
from typing import Any

Operation = Callable[[], object]
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
    "value": ("processing", lambda ours: read_and_write(ours.Value("q", 5, lock=False))),
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
    """Do an operation *n* times."""
    module, make = OPERATIONS[name]
    operation = make(__import__(module))
    start = perf_counter()
    for _ in repeat(None, int(n)):
        operation()
    print((perf_counter() - start) / int(n))


if __name__ == "__main__":
    main(*sys.argv[1:])
