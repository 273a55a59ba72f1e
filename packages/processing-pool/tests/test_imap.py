"""`imap`: windows, ends, and dropped iterators."""

from __future__ import annotations

import asyncio
import gc
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from processing_pool import Pool
from processing_testing.children import pooling, tasks
from processing_testing.harness import pool_state


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "record")


class Counting:
    """An endless generator that knows how far it is."""

    def __init__(self) -> None:
        self.pulled = 0
        self.closed = threading.Event()

    def items(self) -> Iterator[int]:
        try:
            while True:
                self.pulled += 1
                yield self.pulled - 1
        finally:
            self.closed.set()


@pytest.mark.parametrize("ordered", [True, False])
def test_the_results_of_another(pool: Pool, ordered: bool) -> None:
    method = pool.imap if ordered else pool.imap_unordered
    assert sorted(method(tasks.square, method(abs, method(abs, range(-9, 0))))) == [n * n for n in range(1, 10)]


class TestTasksThatRaiseWhatEndsIterators:
    """Nothing is lost: as with generators, that is a `RuntimeError`, and the other items follow."""

    @pytest.mark.parametrize("ordered", [True, False])
    def test_of_a_pool(self, pool: Pool, ordered: bool) -> None:
        method = pool.imap if ordered else pool.imap_unordered
        results = method(tasks.stop_iteration, [1, 2])
        for _ in range(2):
            with pytest.raises(RuntimeError, match="a task raised StopIteration") as raised:
                next(results)
            assert isinstance(raised.value.__cause__, StopIteration)
        with pytest.raises(StopIteration):
            next(results)

    def test_in_a_loop(self, pool: Pool) -> None:
        async def collect() -> list[object]:
            return [result async for result in pool.imap(tasks.stop_async_iteration, [1])]

        with pytest.raises(RuntimeError, match="a task raised StopAsyncIteration"):
            asyncio.run(collect())

    @pytest.mark.parametrize("chunksize", [1, 2])
    def test_of_an_executor(self, pool: Pool, chunksize: int) -> None:
        with pytest.raises(RuntimeError):
            list(pool.executor().map(tasks.stop_iteration, [1, 2, 3], chunksize=chunksize))


class TestWindows:
    @pytest.mark.parametrize("chunksize", [1, 3])
    @pytest.mark.parametrize("ordered", [True, False])
    def test_no_more_is_pulled_than_may_wait(self, pool: Pool, ordered: bool, chunksize: int) -> None:
        counting = Counting()
        method = pool.imap if ordered else pool.imap_unordered
        results = method(tasks.square, counting.items(), chunksize, buffersize=6)
        seen = []
        for given in range(1, 40):
            seen.append(results.next(30))
            assert counting.pulled <= given + 6
        assert seen == [i * i for i in range(39)] or not ordered
        results.close()
        assert counting.closed.wait(30)

    def test_without_a_number_there_is_a_window_too(self, pool: Pool) -> None:
        counting = Counting()
        results = pool.imap(tasks.square, counting.items())
        for i in range(3000):
            assert results.next(30) == i * i
            assert counting.pulled <= i + 1500  # a window, and the results that were taken together
        results.close()
        assert counting.closed.wait(30)


class TestClosedIterators:
    @pytest.mark.parametrize("chunksize", [1, 10])
    def test_what_is_queued_is_not_begun(self, own_pool: Pool, path: str, chunksize: int) -> None:
        pool = own_pool
        results = pool.imap(partial(pooling.record_and_sleep, path, 0.02), range(10_000), chunksize, buffersize=1000)
        assert results.next(30) == 0
        results.close()
        with pytest.raises(StopIteration):
            results.next(30)
        del results
        gc.collect()
        assert pool.map(tasks.square, range(10), 1) == [i * i for i in range(10)]
        pool.close()
        pool.join()
        assert len(pooling.recorded(path)) <= 2 + 2 * chunksize + 10

    def test_many_leave_nothing(self, pool: Pool) -> None:
        for _ in range(8):
            counting = Counting()
            results = pool.imap_unordered(tasks.square, counting.items(), buffersize=50)
            results.next(30)
            results.close()
            del results
            gc.collect()
            assert counting.closed.wait(30)
        assert pool_state.is_idle(pool)


@pytest.mark.attack
@pytest.mark.watchdog(240)
def test_memory_stays_flat(rounds: Callable[[int, int], int]) -> None:
    """A stream of many items holds a window of them; a map, its results."""
    n = rounds(30_000, 1_000_000)
    with Pool(2) as pool:
        pool.map(tasks.square, range(1000))
        tracemalloc.start()
        for i, result in enumerate(pool.imap(tasks.square, iter(range(n)))):
            assert result == i * i
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
        tracemalloc.reset_peak()
        results = pool.map(tasks.nothing_of, range(n))
        assert tracemalloc.get_traced_memory()[1] < n * 8 * 3 + (2 << 20)
        tracemalloc.stop()
        assert results == [None] * n
