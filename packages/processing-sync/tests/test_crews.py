"""Every primitive among threads of several processes at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import processing_core
from processing_sync import Barrier, BoundedSemaphore, Condition, Event, Lock, RLock, Semaphore
from processing_testing import crews

PROCESSES, THREADS = 3, 3
ALL = PROCESSES * THREADS

KINDS: dict[str, tuple[Callable[[], Any], crews.Crew]] = {
    "Lock": (Lock, crews.excluding),
    "RLock": (RLock, crews.nested),
    "a semaphore of one": (lambda: Semaphore(1), crews.excluding),
    "Semaphore": (lambda: Semaphore(2), crews.few_inside),
    "a semaphore that reclaims": (lambda: Semaphore(2, reclaim=True), crews.few_inside),
    "BoundedSemaphore": (lambda: BoundedSemaphore(2), crews.few_inside),
    "Condition": (Condition, crews.by_turns),
    "Condition of a Lock": (lambda: Condition(Lock()), crews.by_turns),
    "the lock of a Condition": (Condition, crews.nested),
    "Event": (Event, crews.all_released),
    "Barrier": (lambda: Barrier(ALL), crews.in_step),
}


@pytest.mark.parametrize("method", processing_core.get_all_start_methods())
def test_threads_of_three_processes(method: str, rounds: Callable[[int, int], int]) -> None:
    tasks = {kind: (crew, crews.Shared(make(), ALL)) for kind, (make, crew) in KINDS.items()}
    each = rounds(20, 2000)
    context = processing_core.get_context(method)
    others = [context.Process(target=crews.work_through, args=(tasks, THREADS, each)) for _ in range(PROCESSES - 1)]
    for process in others:
        process.start()
    crews.work_through(tasks, THREADS, each)
    for process in others:
        process.join()
    assert [process.exitcode for process in others] == [0, 0]
    for kind, (_, shared) in tasks.items():
        assert shared.total.value == ALL * each, kind
        assert shared.most.value <= 2, kind
