"""One object of each shared kind, and an action that shows that two processes hold the same object.

The test prepares the object and sends it; another process performs the action, and the test checks its effect.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import processing
from processing_core.lowlevel import yield_processor

TIMEOUT = 30.0


class Kind(NamedTuple):
    """A shared kind.

    :param make: a new object.
    :param prepare: what the test does before it sends it; does not block.
    :param action: what the receiver does, failing by `AssertionError` if this is not the prepared object.
    :param seen: whether the test sees that it was done; blocks until it is.
    """

    make: Callable[[], Any]
    prepare: Callable[[Any], object]
    action: Callable[[Any], object]
    seen: Callable[[Any], object]


def _release_others(lock: Any) -> None:
    assert not lock.acquire(block=False), "it is free"
    lock.release()


def _find_held(lock: Any) -> None:
    assert not lock.acquire(block=False), "it is free"


def _found_by_the_other(_: Any) -> bool:
    """The other process checks that the object is held, at any time, so this process does not release it."""
    return True


def _notify(condition: Any) -> None:
    with condition:  # the lock is free as soon as the test waits
        condition.notify()


def _notified(condition: Any) -> bool:
    try:
        return bool(condition.wait(TIMEOUT))
    finally:
        condition.release()


def _add_one(value: Any) -> None:
    with value.get_lock():
        assert value.value == 41
        value.value += 1


def _changed(value: Any) -> bool:
    deadline = time.monotonic() + TIMEOUT
    while value.value == 41 and time.monotonic() < deadline:
        yield_processor()  # no event is sent when a value changes
    return bool(value.value == 42)


def _add_one_to_an_item(array: Any) -> None:
    with array.get_lock():
        assert array[1] == 41
        array[1] += 1


def _item_changed(array: Any) -> bool:
    deadline = time.monotonic() + TIMEOUT
    while array[1] == 41 and time.monotonic() < deadline:
        yield_processor()
    return bool(array[1] == 42)


def _double(shared: Any) -> None:
    assert shared[1] == 21
    shared[1] = 42


def _doubled(shared: Any) -> bool:
    deadline = time.monotonic() + TIMEOUT
    while shared[1] == 21 and time.monotonic() < deadline:
        yield_processor()
    return bool(shared[1] == 42)


def _joined(queue: Any) -> bool:
    queue.join()
    return True


def _nothing(_: Any) -> None: ...


KINDS = {
    "Lock": Kind(processing.Lock, lambda it: it.acquire(), _release_others, lambda it: it.acquire(timeout=TIMEOUT)),
    "RLock": Kind(processing.RLock, lambda it: it.acquire(), _find_held, _found_by_the_other),
    "Semaphore": Kind(
        lambda: processing.Semaphore(0), _nothing, lambda it: it.release(), lambda it: it.acquire(timeout=TIMEOUT)
    ),
    "BoundedSemaphore": Kind(
        lambda: processing.BoundedSemaphore(1), lambda it: it.acquire(), _find_held, _found_by_the_other
    ),
    "Condition": Kind(processing.Condition, lambda it: it.acquire(), _notify, _notified),
    "Event": Kind(processing.Event, _nothing, lambda it: it.set(), lambda it: it.wait(TIMEOUT)),
    "Queue": Kind(
        processing.Queue, _nothing, lambda it: it.put("a word"), lambda it: it.get(timeout=TIMEOUT) == "a word"
    ),
    "Barrier": Kind(
        lambda: processing.Barrier(2), _nothing, lambda it: it.wait(TIMEOUT), lambda it: it.wait(TIMEOUT) in (0, 1)
    ),
    "Array": Kind(lambda: processing.Array("i", [0, 41]), _nothing, _add_one_to_an_item, _item_changed),
    "SharedArray": Kind(lambda: processing.SharedArray.from_array([0.0, 21.0, 0.0])[:2], _nothing, _double, _doubled),
    "SimpleQueue": Kind(processing.SimpleQueue, _nothing, lambda it: it.put("a word"), lambda it: it.get() == "a word"),
    "JoinableQueue": Kind(processing.JoinableQueue, lambda it: it.put(1), lambda it: it.task_done(), _joined),
    "Value": Kind(lambda: processing.Value("i", 41), _nothing, _add_one, _changed),
}


def make(kind: str) -> Any:
    """A new object of a kind."""
    return KINDS[kind].make()


def do(kind: str, thing: Any) -> None:
    """Perform the action on an object."""
    KINDS[kind].action(thing)


def do_all(kind: str, things: dict[str, list[tuple[Any]]]) -> None:
    """Perform the action on every object in nested containers."""
    for (thing,) in things["these"]:
        do(kind, thing)


def take_and_do(kind: str, queue: processing.Queue[Any]) -> None:
    """Perform the action on an object from a queue."""
    do(kind, queue.get(timeout=TIMEOUT))


def take_from_within_and_do(kind: str, queue: processing.Queue[processing.Queue[Any]]) -> None:
    """Perform the action on an object from a queue that was sent through a queue."""
    take_and_do(kind, queue.get(timeout=TIMEOUT))


def pass_on(kind: str, thing: Any, method: str) -> None:
    """Perform the action in a child of this process."""
    child = processing.get_context(method).Process(target=do, args=(kind, thing))
    child.start()
    child.join()
    assert child.exitcode == 0


def same(thing: Any) -> Any:
    """*thing*."""
    return thing
