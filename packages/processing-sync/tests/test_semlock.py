"""``_semlock`` of locks and semaphores, compared with multiprocessing's."""

from __future__ import annotations

import multiprocessing  # noqa: TID251
import sys
from typing import Any

import pytest

import processing_sync


def seen(primitive: Any) -> tuple[object, ...]:
    view = primitive._semlock
    mine = (view._is_mine(), view._count()) if "Lock" in type(primitive).__name__ else ()
    return view._get_value(), view._is_zero(), view.maxvalue, *mine


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not tell the value of a semaphore")
@pytest.mark.parametrize(("name", "arguments"), [("Lock", ()), ("Semaphore", (2,)), ("BoundedSemaphore", (3,))])
def test_it_has_the_same_values(name: str, arguments: tuple[int, ...]) -> None:
    ours, theirs = getattr(processing_sync, name)(*arguments), getattr(multiprocessing, name)(*arguments)
    assert seen(ours) == seen(theirs)
    for primitive in ours, theirs:
        assert primitive._semlock.acquire(True, 1)
    assert seen(ours) == seen(theirs)
    for primitive in ours, theirs:
        primitive._semlock.release()
    assert seen(ours) == seen(theirs)


def test_of_a_lock_that_is_held_twice() -> None:
    lock = processing_sync.RLock()
    with lock, lock:
        assert seen(lock) == (0, True, 1, True, 2)
    assert seen(lock) == (1, False, 1, False, 0)
    assert (lock._semlock.kind, processing_sync.Lock()._semlock.kind, lock._semlock.name) == (0, 1, None)
