"""What workers have of their own, and how many there are."""

from __future__ import annotations

import math
import os
from functools import partial
from pathlib import Path

import pytest

from processing_core import BaseContext
from processing_pool import Pool, WorkerState, worker_id
from processing_pool._cpus import quotas, usable_cpus
from processing_testing import pooling, tasks
from processing_testing.meeting import Meeting


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "record")


class TestNumbers:
    def test_each_worker_has_one(self, context: BaseContext, place: Meeting) -> None:
        with Pool(3, context=context) as pool:
            results = [pool.apply_async(pooling.who, (place.address,)) for _ in range(3)]
            guests = [place.welcome() for _ in range(3)]
            assert sorted(guest.hear() for guest in guests) == [0, 1, 2]
            for guest in guests:
                guest.dismiss()
            assert [result.get(30) for result in results] == [None] * 3

    def test_a_successor_has_it_again(self, context: BaseContext) -> None:
        with Pool(1, context=context) as pool:
            pool.apply_async(tasks.die, ("exit",)).wait(30)
            assert pool.apply(worker_id) == 0

    def test_nobody_else(self) -> None:
        assert worker_id() is None


class TestState:
    def test_is_made_once_by_each_worker(self, context: BaseContext) -> None:
        state = WorkerState(pooling.make_state, 100)
        with Pool(2, context=context) as pool:
            results = pool.map(state.passed_to(pooling.add_to_state), range(20), 1)
        for pid in {pid for _, _, pid in results}:
            mine = [(start, count) for start, count, whose in results if whose == pid]
            assert sorted(mine) == [(100, count) for count in range(2, len(mine) + 2)]

    def test_of_the_parent_is_not_the_workers(self) -> None:
        state = WorkerState(pooling.make_state, 5)
        state.get().append(1)
        with Pool(1) as pool:
            assert pool.apply(state.passed_to(pooling.add_to_state), (1,))[1] == 2

    def test_is_closed_at_the_end(self, context: BaseContext, path: str) -> None:
        state = WorkerState(pooling.make_state, 0, close=pooling.Closing(path))
        with Pool(1, context=context, maxtasksperchild=3, on_exit=partial(pooling.say_goodbye, path)) as pool:
            for i in range(3):
                pool.apply(state.passed_to(pooling.add_to_state), (i,))
            pool.apply(tasks.square, (1,))
            assert pooling.recorded(path) == ["closed:4", "goodbye"]
            pool.close()
            pool.join()
        assert pooling.recorded(path) == ["closed:4", "goodbye", "goodbye"]

    def test_a_failing_goodbye_harms_nobody(self, context: BaseContext, path: str) -> None:
        goodbye = partial(pooling.say_goodbye_and_fail, path)
        with Pool(1, context=context, on_exit=goodbye, maxtasksperchild=1) as pool:
            assert [pool.apply(tasks.square, (i,)) for i in range(3)] == [0, 1, 4]
            pool.close()
            pool.join()
        assert pooling.recorded(path)[:3] == ["goodbye"] * 3

    def test_what_cannot_be_made(self, pool: Pool) -> None:
        state: WorkerState[object] = WorkerState(tasks.fail, 3)
        with pytest.raises(ValueError, match="^3$"):
            pool.apply(state.passed_to(tasks.combine), (1,))


class TestCount:
    def test_is_that_of_the_affinity(self) -> None:
        everything = os.sched_getaffinity(0)
        try:
            os.sched_setaffinity(0, {min(everything)})
            assert usable_cpus() == 1
        finally:
            os.sched_setaffinity(0, everything)

    def test_a_quota_of_any_group_above_counts(self, tmp_path: Path) -> None:
        (tmp_path / "a" / "b").mkdir(parents=True)
        membership = tmp_path / "cgroup"
        membership.write_text("0::/a/b\n")
        assert quotas(tmp_path, membership) == [math.inf]
        (tmp_path / "a" / "b" / "cpu.max").write_text("max 100000\n")
        (tmp_path / "a" / "cpu.max").write_text("150000 100000\n")
        assert min(quotas(tmp_path, membership)) == 1.5

    def test_of_the_first_version_too(self, tmp_path: Path) -> None:
        (tmp_path / "cpu,cpuacct" / "x").mkdir(parents=True)
        membership = tmp_path / "cgroup"
        membership.write_text("5:memory:/y\n4:cpu,cpuacct:/x\n")
        (tmp_path / "cpu,cpuacct" / "x" / "cpu.cfs_quota_us").write_text("-1\n")
        (tmp_path / "cpu,cpuacct" / "x" / "cpu.cfs_period_us").write_text("100000\n")
        assert quotas(tmp_path, membership) == [math.inf]
        (tmp_path / "cpu,cpuacct" / "x" / "cpu.cfs_quota_us").write_text("300000\n")
        assert min(quotas(tmp_path, membership)) == 3


def test_pools_and_processes_in_workers(context: BaseContext) -> None:
    with Pool(2, context=context) as pool:
        assert pool.map(tasks.nested, [2, 3], 1) == [[0, 1], [0, 1, 4]]
        assert pool.apply(pooling.start_a_process, (7,)) == 49
