"""The numbers and states of workers, and how many workers there are."""

from __future__ import annotations

import math
import os
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from processing_core import BaseContext
from processing_pool import Pool, ProcessPoolExecutor, WorkerState, worker_id
from processing_pool.lowlevel import quotas, usable_cpus
from processing_testing.children import pooling, tasks
from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import needs_forks, needs_forkserver
from processing_testing.harness.rendezvous import Rendezvous

needs_affinity = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "record")


def test_closing_an_idle_pool_needs_no_thread(context: BaseContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that may have no more threads, for want of memory say, must be able to end."""

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    pool, executor = Pool(1, context=context), ProcessPoolExecutor(1, context)
    assert (pool.apply(abs, (-1,)), executor.submit(abs, -2).result(30)) == (1, 2)
    for name in ("_start_new_thread", "_start_joinable_thread"):
        monkeypatch.setattr(threading, name, refuse, raising=False)
    pool.close()
    pool.join()
    executor.shutdown()


class TestNumbers:
    def test_each_worker_has_one(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        with Pool(3, context=context) as pool:
            results = [pool.apply_async(pooling.report_worker_id, (rendezvous.address,)) for _ in range(3)]
            peers = [rendezvous.accept() for _ in range(3)]
            assert sorted(peer.receive() for peer in peers) == [0, 1, 2]
            for peer in peers:
                peer.release()
            assert [result.get(30) for result in results] == [None] * 3

    def test_a_successor_has_it_again(self, context: BaseContext) -> None:
        with Pool(1, context=context) as pool:
            pool.apply_async(tasks.die, ("exit",)).wait(30)
            assert pool.apply(worker_id) == 0

    def test_other_processes_have_none(self) -> None:
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
        with Pool(1, context=context, maxtasksperchild=3, on_exit=partial(pooling.record_end, path)) as pool:
            for i in range(3):
                pool.apply(state.passed_to(pooling.add_to_state), (i,))
            pool.apply(tasks.square, (1,))
            assert pooling.recorded(path) == ["closed:4", "ended"]
            pool.close()
            pool.join()
        assert pooling.recorded(path) == ["closed:4", "ended", "ended"]

    def test_a_failing_exit_function_changes_nothing_else(self, context: BaseContext, path: str) -> None:
        fail_at_end = partial(pooling.record_end_and_fail, path)
        with Pool(1, context=context, on_exit=fail_at_end, maxtasksperchild=1) as pool:
            assert [pool.apply(tasks.square, (i,)) for i in range(3)] == [0, 1, 4]
            pool.close()
            pool.join()
        assert pooling.recorded(path)[:3] == ["ended"] * 3

    def test_what_cannot_be_made(self, pool: Pool) -> None:
        state: WorkerState[object] = WorkerState(tasks.fail, 3)
        with pytest.raises(ValueError, match="^3$"):
            pool.apply(state.passed_to(tasks.combine), (1,))


@needs_affinity
def test_those_that_replace_others_have_what_the_process_has_now(method: str) -> None:
    """The nice value and the processors, which are the main thread's; another thread starts these workers."""
    scripts.run(
        """
        import os, sys
        import processing_pool
        from processing_testing.children.tasks import look_at_schedule

        if __name__ == "__main__":
            with processing_pool.Pool(1, context=sys.argv[1], maxtasksperchild=1) as pool:
                assert pool.apply(look_at_schedule) == look_at_schedule()
                os.nice(3)
                os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
                pool.apply(look_at_schedule)  # perhaps by a worker that had started already
                pool.apply(look_at_schedule)
                assert pool.apply(look_at_schedule) == look_at_schedule()
        """,
        method,
    )


class TestCount:
    @needs_affinity
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
        assert quotas(str(tmp_path), str(membership)) == [math.inf]
        (tmp_path / "a" / "b" / "cpu.max").write_text("max 100000\n")
        (tmp_path / "a" / "cpu.max").write_text("150000 100000\n")
        assert min(quotas(str(tmp_path), str(membership))) == 1.5

    def test_of_the_first_version_too(self, tmp_path: Path) -> None:
        (tmp_path / "cpu,cpuacct" / "x").mkdir(parents=True)
        membership = tmp_path / "cgroup"
        membership.write_text("5:memory:/y\n4:cpu,cpuacct:/x\n")
        (tmp_path / "cpu,cpuacct" / "x" / "cpu.cfs_quota_us").write_text("-1\n")
        (tmp_path / "cpu,cpuacct" / "x" / "cpu.cfs_period_us").write_text("100000\n")
        assert quotas(str(tmp_path), str(membership)) == [math.inf]
        (tmp_path / "cpu,cpuacct" / "x" / "cpu.cfs_quota_us").write_text("300000\n")
        assert min(quotas(str(tmp_path), str(membership))) == 3


def test_pools_and_processes_in_workers(context: BaseContext) -> None:
    with Pool(2, context=context) as pool:
        assert pool.map(tasks.nested, [2, 3], 1) == [[0, 1], [0, 1, 4]]
        assert pool.apply(pooling.start_a_process, (7,)) == 49


@needs_forkserver
def test_the_forkserver_imports_the_worker_once() -> None:
    """Otherwise each worker would import it, which with ``maxtasksperchild=1`` is once for each task."""
    scripts.run(
        """
        import sys
        import processing_core

        def exit_if_imported():
            sys.exit("processing_pool._worker.worker" in sys.modules)

        def ended():
            process = context.Process(target=exit_if_imported)
            process.start()
            process.join()
            return process.exitcode

        context = processing_core.get_context("forkserver")
        assert ended() == 0
        from processing_pool import Pool

        with Pool(1, context=context) as pool:
            pool.map(abs, [1])
        assert ended() == 0  # the server that runs is good enough for a few workers
        with Pool(1, context=context, maxtasksperchild=1) as pool:
            pool.map(abs, [1])
        assert ended() == 1
        """
    )


@needs_forks
@pytest.mark.parametrize("kind", ["the interpreter's", "another's"])
def test_there_is_no_warning_of_threads_where_workers_are_forked(kind: str) -> None:
    """They use no lock of these threads. A worker warns of what its program wants to be warned of."""
    output = scripts.run(
        """
        import os, sys, threading, warnings
        import processing_core, processing_pool

        def own_filters(_):
            return len(warnings.filters)

        if __name__ == "__main__":
            fork = os.fork
            if sys.argv[1] != "the interpreter's":
                os.fork = lambda: fork()
            leave = threading.Event()
            threading.Thread(target=leave.wait).start()
            context = processing_core.get_context("fork")
            with processing_pool.Pool(1, context=context) as pool:
                print(pool.apply(own_filters, (1,)) - len(warnings.filters))
            leave.set()
        """,
        kind,
    )
    # Where each context has filters of its own, as without a GIL, this list has not those of a `catch_warnings`.
    unchanged = kind == "the interpreter's" or getattr(sys.flags, "context_aware_warnings", False)
    assert output == ("0\n" if unchanged else "1\n")
