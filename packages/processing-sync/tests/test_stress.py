"""Threads of several processes use every primitive at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import processing_core
from processing_sync import Barrier, BoundedSemaphore, Condition, Event, Lock, RLock, Semaphore
from processing_testing.children import stress

PROCESSES, THREADS = 3, 3
ALL = PROCESSES * THREADS

KINDS: dict[str, tuple[Callable[[], Any], stress.Team]] = {
    "Lock": (Lock, stress.excluding),
    "RLock": (RLock, stress.nested),
    "a semaphore of one": (lambda: Semaphore(1), stress.excluding),
    "Semaphore": (lambda: Semaphore(2), stress.few_inside),
    "a semaphore that reclaims": (lambda: Semaphore(2, reclaim=True), stress.few_inside),
    "BoundedSemaphore": (lambda: BoundedSemaphore(2), stress.few_inside),
    "Condition": (Condition, stress.by_turns),
    "Condition of a Lock": (lambda: Condition(Lock()), stress.by_turns),
    "the lock of a Condition": (Condition, stress.nested),
    "Event": (Event, stress.all_released),
    "Barrier": (lambda: Barrier(ALL), stress.in_step),
}


@pytest.mark.parametrize("method", processing_core.get_all_start_methods())
def test_threads_of_three_processes(method: str, rounds: Callable[[int, int], int]) -> None:
    tasks = {kind: (team, stress.Shared(make(), ALL)) for kind, (make, team) in KINDS.items()}
    each = rounds(20, 2000)
    context = processing_core.get_context(method)
    others = [context.Process(target=stress.work_through, args=(tasks, THREADS, each)) for _ in range(PROCESSES - 1)]
    for process in others:
        process.start()
    stress.work_through(tasks, THREADS, each)
    for process in others:
        process.join()
    assert [process.exitcode for process in others] == [0, 0]
    for kind, (_, shared) in tasks.items():
        assert shared.total.value == ALL * each, kind
        assert shared.most.value <= 2, kind
