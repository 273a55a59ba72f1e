"""An interrupt at every point of the lives of pools, executors and managers: no process is left."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import processing
from processing_testing.harness.attack import rounds
from processing_testing.harness.interruption_cases import WAIT, Case, interrupt_everywhere


def _without_workers(context: Any) -> None:
    """Wait until the processes that an interrupt has left of a dropped pool or manager have ended."""
    gc.collect()
    end = time.monotonic() + WAIT
    while left := context.active_children():
        assert time.monotonic() < end, left
        time.sleep(0.01)


def pool_life(method: str) -> Case:
    context: Any = processing.get_context(method)

    def call() -> None:
        pool = context.Pool(1)
        assert pool.apply(abs, (-1,)) == 1
        pool.close()
        pool.join()
        with context.Pool(1) as pool:
            assert pool.map(abs, [-1]) == [1]

    return Case(call, partial(_without_workers, context), least=500)


def executor_life(method: str) -> Case:
    context: Any = processing.get_context(method)

    def call() -> None:
        with processing.ProcessPoolExecutor(1, mp_context=context) as executor:
            assert executor.submit(abs, -1).result(WAIT) == 1
        executor = processing.ProcessPoolExecutor(1, mp_context=context)
        future = executor.submit(abs, -1)
        executor.shutdown(wait=False)
        executor.shutdown(cancel_futures=True)
        assert future.done()
        if not future.cancelled():  # what interrupts the pickling of a call is the call's outcome
            assert future.result() == 1

    return Case(call, partial(_without_workers, context), least=500)


def manager_life(method: str) -> Case:
    context: Any = processing.get_context(method)

    def call() -> None:
        with context.Manager() as manager:
            assert list(manager.list([1])) == [1]

    return Case(call, partial(_without_workers, context), least=200)


LIVES: dict[str, Callable[[str], Case]] = {"pool": pool_life, "executor": executor_life, "manager": manager_life}


@pytest.mark.attack
@pytest.mark.watchdog(900)
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # what was interrupted before it was given to anybody
@pytest.mark.parametrize("name", LIVES)
@pytest.mark.parametrize("method", processing.get_all_start_methods())
def test_no_process_is_left(name: str, method: str) -> None:
    # Where a start takes long, at points that are evenly spread.
    interrupt_everywhere(partial(LIVES[name], method), rounds(10, 10**6 if method == "fork" else 300))
