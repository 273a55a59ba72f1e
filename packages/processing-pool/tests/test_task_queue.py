"""``_taskqueue``: how programs bound the tasks that wait, and have ``imap`` take several arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import processing_core
import processing_pool
from processing_pool import pool as names
from processing_testing.harness.mechanisms import START_METHODS


@pytest.fixture(scope="module")
def pool() -> Iterator[Any]:
    with processing_pool.Pool(2, context=processing_core.get_context(START_METHODS[0])) as pool:
        yield pool


def istarmap(pool: Any, function: Any, items: Any, chunksize: int = 1) -> Iterator[Any]:
    """The recipe that many programs have, in its form since Python 3.8."""
    pool._check_running()
    tasks = processing_pool.Pool._get_tasks(function, items, chunksize)
    result: Any = processing_pool.IMapIterator(pool)
    pool._taskqueue.put((pool._guarded_task_generation(result._job, names.starmapstar, tasks), result._set_length))
    return (item for chunk in result for item in chunk)


@pytest.mark.parametrize("chunksize", [1, 3])
def test_a_job_that_a_program_enters_itself(pool: Any, chunksize: int) -> None:
    assert list(istarmap(pool, pow, ((n, 2) for n in range(10)), chunksize)) == [n * n for n in range(10)]


def test_its_errors_and_its_end(pool: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        list(istarmap(pool, divmod, [(1, 0)]))
    results = istarmap(pool, pow, [(n, 2) for n in range(100)])
    assert next(results) == 0
    del results
    assert list(istarmap(pool, pow, [])) == []


def test_what_is_no_job(pool: Any) -> None:
    with pytest.raises(TypeError, match="IMapIterator"):
        pool._taskqueue.put((iter([]), None))


def test_it_tells_what_waits(pool: Any) -> None:
    assert (pool._taskqueue.qsize(), pool._taskqueue.empty()) == (0, True)
    lock = processing_core.lowlevel.Lock()
    with lock:
        results = [pool.apply_async(lock_and_release, (lock,)) for _ in range(5)]
        assert pool._taskqueue.qsize() == 3
    while not pool._taskqueue.empty():  # without waiting for a result
        pass
    assert [result.get() for result in results] == [True] * 5


def lock_and_release(lock: Any) -> bool:
    with lock:
        return True
