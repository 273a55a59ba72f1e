"""`priority=` among the options of tasks: what waits is begun in the order of the priorities."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from processing_core import BaseContext, ClosedError
from processing_pool import Pool, TaskCancelled, TaskOptions, WorkerDied
from processing_testing.children import pooling, tasks
from processing_testing.harness import pool_state
from processing_testing.harness.rendezvous import Rendezvous


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "record")


@contextmanager
def busy(pool: Pool, rendezvous: Rendezvous) -> Iterator[None]:
    """During the body the only worker runs a task, so that all others wait."""
    result = pool.apply_async(tasks.report_and_wait, (rendezvous.address,))
    peer = rendezvous.accept()
    yield
    pool_state.await_backlog(pool)
    peer.release()
    assert result.get(30) == "released"


def order(path: str) -> list[int]:
    """The numbers in the order in which their tasks were begun."""
    return list(map(int, pooling.recorded(path)))


class TestOrder:
    def test_of_calls(self, context: BaseContext, rendezvous: Rendezvous, path: str) -> None:
        priorities = [100, 0, 5, -1, 5, 0, 9, -7, 0, 1 << 80]  # the first may be the worker's next already
        with Pool(1, context=context) as pool:
            with busy(pool, rendezvous):
                results = [
                    pool.apply_async(pooling.record_number, (path, i), priority=priority)
                    for i, priority in enumerate(priorities)
                ]
            assert [result.get(30) for result in results] == list(range(len(priorities)))
        assert order(path)[0] in (0, 9)
        expected = sorted(range(1, 9), key=lambda i: -priorities[i])
        assert [i for i in order(path) if i not in (0, 9)] == expected

    def test_of_calls_that_were_given_before_the_first_with_a_priority(
        self, context: BaseContext, rendezvous: Rendezvous, path: str
    ) -> None:
        with Pool(1, context=context) as pool:
            with busy(pool, rendezvous):
                results = [pool.apply_async(pooling.record_number, (path, i)) for i in range(50)]
                last = pool.apply_async(pooling.record_number, (path, 50), priority=1)
            assert [result.get(30) for result in results] == list(range(50))
            assert last.get(30) == 50
        assert order(path) == [50, *range(50)]

    def test_a_map_overtakes_calls(self, context: BaseContext, rendezvous: Rendezvous, path: str) -> None:
        with Pool(1, context=context) as pool:
            with busy(pool, rendezvous):
                calls = [pool.apply_async(pooling.record_number, (path, i)) for i in range(20)]
                mapped = pool.map_async(partial(pooling.record_number, path), range(20, 50), 7, priority=3)
            assert mapped.get(30) == list(range(20, 50))
            assert [call.get(30) for call in calls] == list(range(20))
        # More of the map is given when some of it is done: then the worker may be about to begin a call.
        assert order(path)[:14] == list(range(20, 34))

    def test_a_call_overtakes_a_map(self, context: BaseContext, rendezvous: Rendezvous, path: str) -> None:
        with Pool(1, context=context) as pool:
            mapped = pool.map_async(partial(pooling.record_and_wait_if, path, rendezvous.address, 0), range(200))
            peer = rendezvous.accept()
            call = pool.apply_async(pooling.record_number, (path, 1000), priority=1)
            pool_state.await_backlog(pool)
            peer.release()
            assert call.get(30) == 1000
            assert mapped.get(30) == list(range(200))
        assert order(path).index(1000) <= 3
        assert sorted(order(path)) == [*range(200), 1000]

    def test_an_imap_of_lower_priority_comes_last(
        self, context: BaseContext, rendezvous: Rendezvous, path: str
    ) -> None:
        with Pool(1, context=context) as pool:
            with busy(pool, rendezvous):
                numbers = pool.imap(partial(pooling.record_number, path), range(30), priority=-1)
                calls = [pool.apply_async(pooling.record_number, (path, i), priority=1) for i in range(100, 120)]
            assert list(numbers) == list(range(30))
            assert [call.get(30) for call in calls] == list(range(100, 120))
        begun = order(path)
        assert [i for i in begun if i >= 100] == list(range(100, 120))
        assert len([i for i in begun[:22] if i < 100]) <= 3  # those that the worker was about to begin

    def test_of_a_pool_and_of_a_call(self, context: BaseContext, rendezvous: Rendezvous, path: str) -> None:
        with Pool(1, context=context, priority=2) as pool:
            with busy(pool, rendezvous):
                given: list[TaskOptions] = [{"priority": 10}, {}, {"priority": 3}, {"priority": 1}, {}]
                results = [
                    pool.apply_async(pooling.record_number, (path, i), **options) for i, options in enumerate(given)
                ]
            assert [result.get(30) for result in results] == list(range(5))
        assert order(path) == [0, 2, 1, 4, 3]


class TestOutcomes:
    def test_each_way_to_give_tasks(self, context: BaseContext) -> None:
        with Pool(2, context=context) as pool:
            squares = [i * i for i in range(300)]
            first = pool.map_async(tasks.square, range(300))
            assert pool.map(tasks.square, range(300), priority=2) == squares
            assert pool.map(tasks.square, range(300), 1, priority=-2) == squares
            assert pool.map(tasks.square, range(300), 40) == squares
            assert list(pool.imap(tasks.square, range(300), 3, priority=1)) == squares
            assert sorted(pool.imap_unordered(tasks.square, range(300), priority=1)) == squares
            assert pool.apply(tasks.square, (3,), priority=4, timeout=60) == 9
            assert pool.submit(tasks.square, 4).result(30) == 16
            assert first.get(30) == squares

    def test_a_call_that_is_cancelled_is_not_begun(
        self, context: BaseContext, rendezvous: Rendezvous, path: str
    ) -> None:
        with Pool(1, context=context) as pool:
            with busy(pool, rendezvous):
                results = [pool.apply_async(pooling.record_number, (path, i), priority=i % 3) for i in range(30)]
                assert all(result.cancel() for result in results[::2])
            for result in results[::2]:
                with pytest.raises(TaskCancelled):
                    result.get(30)
            assert [result.get(30) for result in results[1::2]] == list(range(1, 30, 2))
        assert sorted(order(path)) == list(range(1, 30, 2))

    def test_all_that_wait_are_cancelled(self, context: BaseContext, rendezvous: Rendezvous, path: str) -> None:
        """Those that were cancelled in the ring leave it without an outcome; what waits behind them is begun."""
        with Pool(1, context=context) as pool:
            with busy(pool, rendezvous):
                results = [pool.apply_async(pooling.record_number, (path, i), priority=1) for i in range(10)]
                mapped = pool.map_async(partial(pooling.record_number, path), range(100, 110), priority=2)
                assert all(result.cancel() for result in [*results, mapped])
            assert pool.apply(tasks.square, (3,)) == 9
        assert pooling.recorded(path) == []

    def test_futures_that_wait_are_cancelled_by_a_shutdown(
        self, context: BaseContext, rendezvous: Rendezvous, path: str
    ) -> None:
        with Pool(1, context=context, priority=1) as pool:
            executor = pool.executor()
            with busy(pool, rendezvous):
                futures = [executor.submit(pooling.record_number, path, i) for i in range(10)]
                executor.shutdown(wait=False, cancel_futures=True)
            assert all(future.cancelled() for future in futures)
            assert pool.join(30)
        assert pooling.recorded(path) == []

    def test_what_cannot_be_pickled_fails_alone(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        with Pool(1, context=context) as pool:
            with busy(pool, rendezvous):
                good = [pool.apply_async(tasks.square, (i,), priority=1) for i in range(3)]
                bad = pool.apply_async(tasks.take, (tasks.Unpicklable(),), priority=1)
                things: list[object] = [1, tasks.Unpicklable(), 2]
                mapped = pool.map_async(tasks.take, things, return_exceptions=True, priority=1)
            assert [result.get(30) for result in good] == [0, 1, 4]
            with pytest.raises(RuntimeError, match="does not dump"):
                bad.get(30)
            first, error, last = mapped.get(30)
            assert (first, last) == (1, 2)
            assert isinstance(error, RuntimeError)

    def test_a_closed_pool_runs_what_waits(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        with Pool(1, context=context) as pool:
            with busy(pool, rendezvous):
                results = [pool.apply_async(tasks.square, (i,), priority=i) for i in range(20)]
                pool.close()
            assert pool.join(30)
            assert [result.get(0) for result in results] == [i * i for i in range(20)]

    def test_of_a_terminated_pool_what_waits_fails(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        with Pool(1, context=context) as pool:
            pool.apply_async(tasks.report_and_wait, (rendezvous.address,))
            rendezvous.accept()
            results = [pool.apply_async(tasks.square, (i,), priority=i) for i in range(20)]
            pool.terminate()
            for result in results:
                with pytest.raises(ClosedError):
                    result.get(30)

    @pytest.mark.watchdog(180)
    def test_while_workers_are_killed_end_and_change_in_number(
        self, context: BaseContext, rounds: Callable[[int, int], int], path: str
    ) -> None:
        n, dice, died = rounds(25, 400), random.Random(11), 0
        with Pool(2, context=context, idle_timeout=0.05) as pool:
            pool.apply(tasks.square, (1,))
            for i in range(n):
                numbers = range(30 * i, 30 * i + 30)
                calls = [
                    pool.apply_async(pooling.record_number, (path, k), priority=dice.randrange(-2, 3))
                    for k in numbers[:15]
                ]
                mapped = pool.map_async(
                    partial(pooling.record_number, path), numbers[15:], i % 4 + 1, return_exceptions=True, priority=1
                )
                pool.resize(1 + i % 3)
                if workers := pool._pool:
                    dice.choice(workers).kill()
                for k, call in enumerate(calls):
                    try:
                        assert call.get(60) == numbers[k]
                    except WorkerDied:
                        died += 1
                for k, found in enumerate(mapped.get(60), 15):
                    assert found == numbers[k] or isinstance(found, WorkerDied)
                    died += found != numbers[k]
        begun = order(path)
        assert len(begun) == len(set(begun))
        assert 30 * n - died <= len(begun) <= 30 * n


@pytest.mark.parametrize("priority", [1.5, "1", None])
def test_what_is_no_priority(pool: Pool, priority: Any) -> None:
    with pytest.raises(TypeError, match=f"priority must be an integer, not {priority!r}"):
        pool.apply(tasks.square, (1,), priority=priority)
