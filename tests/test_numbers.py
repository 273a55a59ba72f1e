"""An object with `__index__` is taken as an integer, and one with `__float__` as a number of seconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import processing
from processing.dummy import Pool as ThreadPool
from processing.shared_memory import SharedMemory


class Index:
    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number


class Seconds:
    def __init__(self, number: float) -> None:
        self.number = number

    def __float__(self) -> float:
        return self.number


integers = pytest.mark.parametrize("integer", [np.int64, np.uint8, Index])


@integers
class TestIntegers:
    def test_pool(self, integer: Any) -> None:
        with processing.Pool(integer(1), maxtasksperchild=integer(50)) as pool:
            assert pool.map(abs, [-1, 2], chunksize=integer(1)) == [1, 2]
            assert list(pool.imap(abs, [-1, 2], integer(1), buffersize=integer(2))) == [1, 2]
            assert sorted(pool.imap_unordered(abs, [-1, 2], chunksize=integer(1))) == [1, 2]

    def test_executor(self, integer: Any) -> None:
        with processing.ProcessPoolExecutor(integer(1), max_tasks_per_child=integer(5)) as executor:
            assert list(executor.map(abs, [-1, 2], chunksize=integer(1), buffersize=integer(2))) == [1, 2]

    def test_threads(self, integer: Any) -> None:
        with ThreadPool(integer(1)) as pool:
            assert pool.map(abs, [-1]) == [1]

    @pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "PriorityQueue"])
    def test_queues(self, kind: str, integer: Any) -> None:
        queue = getattr(processing, kind)(integer(3))
        queue.put_many([1, 2, 3])
        assert len(queue.get_many(integer(2))) == 2

    def test_shared_memory(self, integer: Any) -> None:
        memory = SharedMemory(create=True, size=integer(100))
        memory.close()
        memory.unlink()

    def test_retries(self, integer: Any) -> None:
        with processing.Pool(1, retries=integer(1)) as pool, pytest.raises(ZeroDivisionError):
            pool.apply(divmod, (1, 0), retries=integer(2))

    def test_the_least_still_holds(self, integer: Any) -> None:
        with pytest.raises(ValueError, match="must be at least 1, not 0"):
            processing.Pool(integer(0))
        with pytest.raises(ValueError, match="maxtasksperchild must be a positive int"):
            processing.Pool(1, maxtasksperchild=integer(0))
        with pytest.raises(ValueError, match="the arena limit must be at least"):
            processing.set_arena_limit(integer(3))


@pytest.mark.parametrize("wrong", [1.0, "1"])
def test_other_numbers_are_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="processes must be an integer, not"):
        processing.Pool(wrong)
    with pytest.raises(TypeError, match="the arena limit must be an integer"):
        processing.set_arena_limit(wrong)


@pytest.mark.parametrize("seconds", [np.float32, np.float64, Seconds])
def test_timeouts(seconds: Any) -> None:
    condition = processing.Condition()
    with condition:
        assert not condition.wait(seconds(0.01))
        assert not condition.wait_for(lambda: False, seconds(0.01))
    assert not processing.Event().wait(seconds(0.01))
    with processing.Pool(1, timeout=seconds(30.0), backoff=seconds(0.01)) as pool:
        assert pool.apply(abs, (-1,)) == 1
    assert not processing.Semaphore(0).acquire(timeout=seconds(0.01))
