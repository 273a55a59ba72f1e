"""`Pool.stats`: what the workers have done."""

from __future__ import annotations

import json
import time

import pytest

from processing_core import BaseContext
from processing_pool import Pool, PoolStats, WorkerDied
from processing_testing.children import tasks
from processing_testing.harness.mechanisms import ONE_METHOD


@pytest.fixture(scope="module")
def method() -> str:
    """One start method: the figures are the same under each."""
    return ONE_METHOD


def test_tasks_of_every_kind(own_pool: Pool) -> None:
    own_pool.map(abs, range(2000))
    own_pool.map(abs, range(10), 1)
    own_pool.map(abs, range(30), 7)
    own_pool.apply(abs, (-1,))
    list(own_pool.imap(abs, range(20)))
    stats = own_pool.stats()
    assert stats.tasks == 2061 == sum(worker.tasks for worker in stats.workers)
    assert [worker.worker_id for worker in stats.workers] == [0, 1]
    assert all(worker.pid and worker.memory > 0 and worker.startup > 0 for worker in stats.workers)
    assert stats.bytes_sent > 0 < stats.bytes_received
    assert (stats.failures, stats.retries, stats.deaths, stats.started) == (0, 0, 0, 2)


def test_busy_and_idle(context: BaseContext) -> None:
    with Pool(1, context=context) as pool:
        pool.apply(abs, (1,))
        before = pool.stats()
        pool.apply(time.sleep, (0.2,))
        middle = pool.stats()
        time.sleep(0.2)
        after = pool.stats()
    assert middle.busy - before.busy >= 0.19
    assert after.idle - middle.idle >= 0.19
    assert after.busy - middle.busy < 0.19
    pool.join()


@pytest.mark.parametrize("chunksize", [1, 10])
def test_the_longest(context: BaseContext, chunksize: int) -> None:
    with Pool(2, context=context) as pool:
        pool.map(time.sleep, [n / 100 for n in (0, 1, 2, 3, 4, 5, 6, 7, 0, 0)], chunksize)
        pool.close()
        pool.join()
        stats = pool.stats()
    assert [task.description for task in stats.longest][:2] == ["sleep(0.07)", "sleep(0.06)"]
    assert len(stats.longest) == 5
    assert 0.05 < stats.longest[0].seconds < 5


def test_descriptions_are_short_and_never_fail(own_pool: Pool) -> None:
    own_pool.apply(tasks.combine, ("x" * 10_000,), {"name": [1] * 10_000})
    own_pool.close()
    own_pool.join()
    (task,) = own_pool.stats().longest
    assert task.description.startswith("combine('xxx")
    assert len(task.description) < 120


def test_deaths_failures_and_retries(own_pool: Pool) -> None:
    with pytest.raises(WorkerDied):
        own_pool.apply(tasks.die, ("exit",), retries=1)
    own_pool.map(tasks.fail_if_odd, [1, 2], return_exceptions=True)
    stats = own_pool.stats()
    assert (stats.failures, stats.retries, stats.deaths) == (2, 1, 2)
    assert stats.started in (3, 4)
    assert stats.tasks == 2  # a task that dies has no outcome of its worker's


def test_of_workers_that_have_ended(context: BaseContext) -> None:
    with Pool(1, context=context, maxtasksperchild=2) as pool:
        pool.map(abs, range(10), 1)
        pool.close()
        pool.join()
        stats = pool.stats()
    assert (stats.tasks, stats.deaths, stats.workers) == (10, 0, ())
    assert stats.started in (5, 6)


def test_as_table_and_as_json(own_pool: Pool) -> None:
    own_pool.map(time.sleep, [0, 0.02], 1)
    pid = own_pool.stats().workers[0].pid
    assert str(own_pool.stats()).splitlines()[1].split()[1] == str(pid)
    own_pool.close()
    own_pool.join()
    stats = own_pool.stats()
    lines = str(stats).splitlines()
    assert lines[0].split()[:3] == ["worker", "pid", "tasks"]
    assert "sleep(0.02)" in str(stats)
    assert json.loads(json.dumps(stats._asdict()))["tasks"] == 2
    assert PoolStats(*stats) == stats
