"""Private attributes of pools that libraries read."""

from __future__ import annotations

import gc
import os
from typing import Any

import pytest

import processing_core
from processing_core import BaseContext, ClosedError
from processing_pool import Pool, ProcessPoolExecutor, pool
from processing_testing.children import tasks


def test_workers_and_what_they_do() -> None:
    with Pool(2) as workers:
        pids = {process.pid for process in workers._pool}
        assert len(pids) == workers._processes == 2
        assert workers.apply(os.getpid) in pids
        assert (workers._state, workers._cache) == (pool.RUN, {})
        result = workers.apply_async(tasks.sleep_for_ever)
        assert list(workers._cache.values()) == [result]
        workers.terminate()
        assert workers._state == pool.TERMINATE
    with Pool(1) as workers:
        workers.close()
        assert workers._state == pool.CLOSE
        workers.join()
    assert workers._pool == []


def test_an_executors_workers() -> None:
    with ProcessPoolExecutor(2) as executor:
        assert executor._max_workers == len(executor._processes) == 2
        assert executor.submit(os.getpid).result() in executor._processes
        assert all(process.is_alive() for process in executor._processes.values())
    assert executor._processes == {}


class Named(Pool):
    @staticmethod
    def Process(ctx: BaseContext, *args: Any, **kwds: Any) -> processing_core.Process:
        return ctx.Process(*args, **kwds, name="chosen")


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_subclass_chooses_its_processes(method: str) -> None:
    with Named(1, context=processing_core.get_context(method)) as workers:
        assert [process.name for process in workers._pool] == ["chosen"]
        assert workers.apply(tasks.own_name) == "chosen"


def test_functions_over_tasks() -> None:
    assert pool.mapstar((abs, [-1, 2])) == [1, 2]
    assert pool.starmapstar((pow, [(2, 3), (3, 2)])) == [8, 9]


@pytest.mark.parametrize("unordered", [False, True])
def test_an_iterators_next_takes_a_timeout(unordered: bool) -> None:
    with Pool(1) as workers:
        results = (workers.imap_unordered if unordered else workers.imap)(tasks.sleep_for_ever_if_zero, [1, 0])
        assert results.__next__(10) == 1
        with pytest.raises(processing_core.TimeoutError):
            results.__next__(timeout=0.01)
        with pytest.raises(processing_core.TimeoutError):
            results.next(0.01)
        workers.terminate()


def test_workers_are_replaced_without_being_asked() -> None:
    with Pool(1, maxtasksperchild=1) as workers:
        pids = {workers.apply(os.getpid) for _ in range(3)}
        workers._repopulate_pool()
        assert len(pids) == 3


def test_a_state_that_is_set() -> None:
    with Pool(1) as workers:
        result = workers.apply_async(tasks.square, (3,))
        workers._state = pool.CLOSE
        workers.join()
        assert result.get(0) == 9
    with Pool(1) as workers:
        result = workers.apply_async(tasks.sleep_for_ever)
        workers._state = pool.TERMINATE
        with pytest.raises(ClosedError):
            result.get(30)
        workers.join()
        workers._state = pool.RUN
        with pytest.raises(ClosedError):
            workers.apply(tasks.square, (3,))
        workers.terminate()


def test_a_dropped_pool_that_gives_no_warning(recwarn: pytest.WarningsRecorder) -> None:
    for end in (Pool.close, Pool.terminate):
        workers = Pool(1)
        end(workers)
        workers.join()
        del workers
    executor = ProcessPoolExecutor(1)
    assert executor.submit(tasks.square, 3).result() == 9
    del executor
    with pytest.raises(ValueError, match="Number of processes"):
        Pool(0)
    gc.collect()
    assert not recwarn.list
