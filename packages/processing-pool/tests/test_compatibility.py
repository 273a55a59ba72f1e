"""Private attributes of pools that libraries read."""

from __future__ import annotations

import gc
import itertools
import os
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import processing_core
from processing_core import BaseContext, ClosedError
from processing_pool import Pool, ProcessPoolExecutor, pool
from processing_testing.children import tasks
from processing_testing.harness.mechanisms import START_METHODS, needs_forks


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


@pytest.mark.parametrize("method", START_METHODS)
def test_a_subclass_chooses_its_processes(method: str) -> None:
    with Named(1, context=processing_core.get_context(method)) as workers:
        assert [process.name for process in workers._pool] == ["chosen"]
        assert workers.apply(tasks.own_name) == "chosen"


class Nestable(Pool):
    """The usual recipe for workers that are not daemonic."""

    def Process(self, *args: Any, **kwds: Any) -> processing_core.Process:  # type: ignore[override]
        process = super().Process(*args, **kwds)

        class Undaemonic(type(process)):  # type: ignore[misc]
            @property
            def daemon(self) -> bool:
                return False

            @daemon.setter
            def daemon(self, value: bool) -> None:
                pass

        process.__class__ = Undaemonic
        return process


def test_a_subclass_chooses_its_processes_by_a_method() -> None:
    with Nestable(1) as workers:
        assert not workers._pool[0].daemon
        assert workers.apply(tasks.square, (3,)) == 9
        abandoned = weakref.ref(workers)
        workers.terminate()
    del workers
    gc.collect()
    assert abandoned() is None


class Logged(Pool):
    """The usual recipe that wraps the function."""

    def apply_async(self, func: Any, args: Any = (), *rest: Any, **kwds: Any) -> Any:
        return super().apply_async(tasks.traced, (func, *args), *rest, **kwds)


def test_apply_calls_what_overrides_apply_async() -> None:
    with Logged(1) as workers:
        assert workers.apply(abs, (-1,)) == workers.apply_async(abs, (-1,)).get() == ("traced", 1)


class Counted(ProcessPoolExecutor):
    submitted = 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        self.submitted += 1
        return super().submit(fn, *args, **kwargs)


class TestMapOfAnExecutorWithItsOwnSubmit:
    def test_it_is_called_for_each_chunk(self) -> None:
        with Counted(2) as executor:
            assert list(executor.map(pow, range(5), itertools.repeat(2))) == [0, 1, 4, 9, 16]
            assert executor.submitted == 5
            assert list(executor.map(pow, range(5), range(9), chunksize=2)) == [1, 1, 4, 27, 256]
            assert executor.submitted == 8
            executor.map(abs, [1, 2])
            assert executor.submitted == 10

    def test_endless_items(self) -> None:
        with Counted(1) as executor:
            results = executor.map(abs, itertools.count(), chunksize=2, buffersize=3)
            assert (next(results), next(results), executor.submitted) == (0, 1, 4)

    def test_times_and_errors(self) -> None:
        with Counted(1) as executor:
            with pytest.raises(ZeroDivisionError):
                list(executor.map(divmod, [1, 1], [1, 0]))
            with pytest.raises(TimeoutError):
                next(executor.map(tasks.sleep_for_ever_if_zero, [0], timeout=0.01))
            executor.kill_workers()


def test_how_far_a_job_is() -> None:
    with Pool(1) as workers:
        result = workers.map_async(tasks.sleep_for_ever_if_zero, [1, 2, 0, 3], 1)
        assert _seen(lambda: result._number_left, 2)
        stuck = workers.apply_async(abs, (1,))
        assert (result._chunksize, result._value, result._success, stuck._number_left) == (1, None, True, 1)
        assert not (stuck._event.is_set() or stuck._event.wait(0.001))
        assert workers._taskqueue.qsize() > 0
        assert not workers._taskqueue.empty()
        result.cancel()
        assert stuck._event.wait(10)
        assert (stuck._event.is_set(), stuck.get()) == (True, 1)
        assert (stuck._number_left, stuck._value, stuck._success, result._success) == (0, 1, True, False)
        results = workers.imap(tasks.sleep_for_ever_if_zero, [1, 2])
        assert list(results) == [1, 2]
        assert (results._index, results._length) == (2, 2)
        results = workers.imap(tasks.sleep_for_ever_if_zero, [1, 0])
        assert _seen(lambda: (results._index, results._length), (1, 2))
        workers.terminate()


def _seen(what: Callable[[], object], wanted: object) -> bool:
    while what() != wanted:
        time.sleep(0.001)
    return True


def test_how_workers_are_made() -> None:
    with Pool(1, tasks.square, (2,), maxtasksperchild=5) as workers:
        assert (workers._initializer, workers._initargs, workers._maxtasksperchild) == (tasks.square, (2,), 5)
        assert workers._worker_handler.is_alive()
        assert workers._task_handler is workers._result_handler is workers._worker_handler
    context = processing_core.get_context("spawn")
    with ProcessPoolExecutor(1, context, tasks.square, (2,), max_tasks_per_child=5) as executor:
        assert (executor._initializer, executor._initargs, executor._max_tasks_per_child) == (tasks.square, (2,), 5)
        stuck = executor.submit(tasks.sleep_for_ever)
        assert len(executor._pending_work_items) == 1
        assert not executor._shutdown_thread
        stuck.cancel()
    assert executor._shutdown_thread
    assert executor._pending_work_items == {}


def test_a_result_takes_attributes() -> None:
    with Pool(1) as workers:
        result = workers.apply_async(abs, (1,))
        result.tag = "mine"  # type: ignore[attr-defined]
        assert result.get() == 1
        assert result.tag == "mine"  # type: ignore[attr-defined]


@needs_forks
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_does_not_end_what_it_inherits() -> None:
    fork = processing_core.get_context("fork")
    with Pool(1, context=fork) as workers, ProcessPoolExecutor(1, fork) as executor:
        assert executor.submit(abs, -1).result() == 1
        leave = fork.Event()
        waiting = [executor.submit(leave.wait) for _ in range(3)]
        dropped = [workers.imap(tasks.square, range(500))]
        results = workers.imap(tasks.square, range(500))
        child = fork.Process(target=tasks.end_inherited, args=(workers, executor, results, dropped))
        child.start()
        child.join()
        assert (child.exitcode, child.exception) == (0, None)
        assert list(results) == list(dropped[0]) == [n * n for n in range(500)]
        assert workers.apply(abs, (-2,)) == 2
        assert executor.submit(abs, -3).cancel()
        leave.set()
        assert [future.result() for future in waiting] == [True] * 3
        assert executor.submit(abs, -4).result() == 4


def test_an_error_that_is_false_is_raised() -> None:
    with ProcessPoolExecutor(1) as executor:
        with pytest.raises(tasks.FalseError):
            executor.submit(tasks.raise_false).result()
        with pytest.raises(tasks.FalseError):
            list(executor.map(tasks.raise_false, [1]))


def test_a_future_is_called_so() -> None:
    with ProcessPoolExecutor(1) as executor:
        assert repr(executor.submit(abs, 1)).startswith("<Future at ")


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
