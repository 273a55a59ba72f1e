"""Timeouts, memory limits, retries and cancelling of tasks."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import processing_core
from processing_core import BaseContext
from processing_pool import (
    AsyncResult,
    MemoryExceeded,
    Pool,
    TaskCancelled,
    TaskTimeout,
    WorkerDied,
)
from processing_pool.lowlevel import OutOfMemory, control_groups, resident
from processing_testing.children import pooling, tasks
from processing_testing.harness import pool_state
from processing_testing.harness.mechanisms import needs_process_files, needs_signals_to_processes
from processing_testing.harness.rendezvous import Rendezvous


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "record")


Way = Callable[..., Any]

WAYS: dict[str, Way] = {
    "apply": lambda pool, f, **options: pool.apply(f, (1,), **options),
    "apply_async": lambda pool, f, **options: pool.apply_async(f, (1,), **options).get(30),
    "map": lambda pool, f, **options: pool.map(f, [1], **options),
    "map, in batches": lambda pool, f, **options: pool.map(f, [1, 1], 2, **options),
    "starmap": lambda pool, f, **options: pool.starmap(f, [(1,)], **options),
    "imap": lambda pool, f, **options: pool.imap(f, [1], **options).next(30),
    "imap_unordered": lambda pool, f, **options: pool.imap_unordered(f, [1, 1], 2, **options).next(30),
}


NARROW = 64 << 20
"""Bytes: enough for a worker that holds no data."""


@pytest.fixture
def narrow() -> Iterator[Path]:
    """The file by which a process joins a control group with little memory."""
    group = Path(next(iter(control_groups("memory")), "/sys/fs/cgroup")) / f"narrow-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as reason:
        pytest.skip(f"this process may make no control group: {reason}")
    try:
        limit = next((file for name in LIMITS if (file := group / name).exists()), None)
        if limit is None:
            pytest.skip("control groups do not limit memory here")
        limit.write_text(str(NARROW))
        for swap in filter(Path.exists, (group / "memory.swap.max", group / "memory.swappiness")):
            swap.write_text("0")
        yield group / "cgroup.procs"
    finally:
        group.rmdir()


LIMITS = "memory.max", "memory.limit_in_bytes"
"""Of the second and of the first version of control groups."""

QUEUED: dict[str, Callable[..., Any]] = {
    "apply_async": lambda pool, f: pool.apply_async(f, (1,)),
    "map_async": lambda pool, f: pool.map_async(f, [1]),
    "submit": lambda pool, f: pool.submit(f, 1),
}


class TestTimeout:
    @pytest.mark.parametrize("way", WAYS)
    def test_stops_the_task(self, way: str, path: str) -> None:
        with Pool(1) as pool:
            pool.apply(tasks.square, (1,))
            begin = time.monotonic()
            with pytest.raises(TaskTimeout, match=r"ran longer than 0\.2 s") as caught:
                WAYS[way](pool, partial(pooling.sleep_for_ever, path), timeout=0.2)
            assert 0.2 <= time.monotonic() - begin < 0.2 + 1.5 * (2 if "batches" in way else 1)
            assert caught.value.seconds == 0.2
            assert pool.apply(tasks.square, (3,)) == 9

    def test_under_every_start_method(self, context: BaseContext, path: str) -> None:
        with Pool(
            2, context=context, timeout=2
        ) as pool:  # on a busy machine the import of the function's module takes a while
            with pytest.raises(TaskTimeout):
                pool.apply(pooling.sleep_for_ever, (path,))
            assert pool.map(tasks.square, range(100)) == [i * i for i in range(100)]

    def test_leaves_neighbours_alone(self, path: str, rendezvous: Rendezvous) -> None:
        with Pool(2) as pool:
            neighbour = pool.apply_async(tasks.report_and_wait, (rendezvous.address,))
            peer = rendezvous.accept()
            with pytest.raises(TaskTimeout):
                pool.apply(pooling.sleep_for_ever, (path,), timeout=0.1)
            peer.release()
            assert neighbour.get(30) == "released"

    def test_counts_from_the_start_of_the_task(self, path: str) -> None:
        """Ten tasks wait in the queue for longer than one may run."""
        with Pool(1, timeout=0.6) as pool:
            assert pool.map(partial(pooling.record_and_sleep, path, 0.08), range(10), 1) == list(range(10))
            assert pool.map(partial(pooling.record_and_sleep, path, 0.08), range(10), 10) == list(range(10))

    def test_in_a_batch_only_the_long_one_fails(self, rendezvous: Rendezvous) -> None:
        with Pool(1) as pool:
            work = partial(pooling.report_and_wait_if, rendezvous.address, 3)
            results = pool.map(work, range(8), 8, timeout=2, return_exceptions=True)
        assert [result if isinstance(result, int) else type(result) for result in results] == [
            0,
            1,
            2,
            TaskTimeout,
            4,
            5,
            6,
            7,
        ]
        assert sorted(rendezvous.receive() for _ in range(8)) == list(range(8))


class TestRetries:
    @pytest.mark.parametrize("how", ["raise", "die", "time out"])
    def test_until_it_succeeds(self, path: str, how: str) -> None:
        with Pool(1) as pool:
            timeout = 1.0 if how == "time out" else None
            assert pool.apply(pooling.fail_at_first, (path, 2, how), retries=2, timeout=timeout) == 3
            assert len(pooling.recorded(path)) == 3

    def test_and_not_more_often(self, pool: Pool, path: str) -> None:
        with pytest.raises(ValueError, match="^3$"):
            pool.apply(pooling.fail_at_first, (path, 9, "raise"), retries=2)
        assert len(pooling.recorded(path)) == 3

    @pytest.mark.parametrize("chunksize", [1, 5])
    def test_of_items(self, path: str, chunksize: int) -> None:
        with Pool(2, retries=3) as pool:
            paths = [f"{path}-{i}" for i in range(5)]
            arguments = [(one, i % 3, "die" if i % 2 else "raise") for i, one in enumerate(paths)]
            assert pool.starmap(pooling.fail_at_first, arguments, chunksize) == [i % 3 + 1 for i in range(5)]
            paths = [f"{path}-again-{i}" for i in range(5)]
            stream = pool.imap(partial(pooling.fail_at_first, times=1, how="die"), paths, chunksize)
            assert list(stream) == [2] * 5

    def test_after_a_while_that_doubles(self, path: str) -> None:
        with Pool(1) as pool:
            begin = time.monotonic()
            assert pool.apply(pooling.fail_at_first, (path, 2, "raise"), retries=2, backoff=0.1) == 3
            assert time.monotonic() - begin >= 0.1 + 0.2

    def test_there_are_none_by_default(self, pool: Pool, path: str) -> None:
        with pytest.raises(WorkerDied):
            pool.apply(pooling.fail_at_first, (path, 1, "die"))
        assert pool.apply(tasks.square, (2,)) == 4
        assert len(pooling.recorded(path)) == 1


class TestMemory:
    def test_the_task_fails_with_the_figure(self, context: BaseContext) -> None:
        limit = 200 << 20
        with Pool(1, context=context, max_memory=limit) as pool:
            with pytest.raises(MemoryExceeded, match="bytes of resident memory") as caught:
                pool.apply(pooling.hold_memory, (300 << 20,))
            assert caught.value.limit == limit
            assert caught.value.used is not None and caught.value.used > limit
            assert isinstance(caught.value, WorkerDied)
            assert pool.apply(tasks.square, (3,)) == 9

    def test_shared_memory_does_not_count(self) -> None:
        before = resident(os.getpid())
        block = processing_core.lowlevel.Block(32 << 20)
        memoryview(block)[::4096] = bytes(len(memoryview(block)[::4096]))
        assert resident(os.getpid()) - before < 16 << 20

    @needs_process_files
    def test_the_systems_oom_killer_is_named_when_it_killed(self, tmp_path: Path) -> None:
        events, system = tmp_path / "memory.events", tmp_path / "vmstat"
        events.write_text("low 0\noom 0\noom_kill 3\n")
        watch = OutOfMemory([str(events), str(system)])
        assert not watch.has_killed()
        events.write_text("low 0\noom 1\noom_kill 4\n")
        assert watch.has_killed()
        assert not watch.has_killed()
        system.write_text("pgfault 7\noom_kill 1\n")
        assert watch.has_killed()

    @needs_process_files
    def test_the_systems_oom_killer_itself(self, pool: Pool, narrow: Path) -> None:
        with pytest.raises(WorkerDied, match=r"was killed by SIGKILL; .* out-of-memory killer"):
            pool.apply(pooling.hold_memory_in_group, (str(narrow), 4 * NARROW))
        assert pool.map(tasks.square, range(100), 1) == [i * i for i in range(100)]

    def test_the_hint(self, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(OutOfMemory, "has_killed", lambda self: True)
        with pytest.raises(WorkerDied, match="out-of-memory killer"):
            pool.apply(tasks.die, ("kill",))
        with pytest.raises(WorkerDied, match="exited with code 7$"):
            pool.apply(tasks.die, ("exit",))


class TestCancel:
    def test_of_a_queued_call(self, context: BaseContext, path: str, rendezvous: Rendezvous) -> None:
        with Pool(1, context=context) as pool:
            running = pool.apply_async(tasks.report_and_wait, (rendezvous.address,))
            peer = rendezvous.accept()
            queued = [pool.apply_async(pooling.record, (path, i)) for i in range(10)]
            assert [queued[i].cancel() for i in (3, 5, 4)] == [True] * 3
            assert queued[3].cancelled() and queued[3].ready() and not queued[3].successful()
            with pytest.raises(TaskCancelled):
                queued[3].get(0)
            assert not queued[3].cancel()
            peer.release()
            assert running.get(30) == "released"
            queued[9].get(30)
            assert pooling.recorded(path) == [str(i) for i in range(10) if i not in (3, 4, 5)]
            assert not running.cancel() and not running.cancelled()

    def test_of_a_running_call(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        with Pool(2, context=context) as pool:
            neighbour = pool.apply_async(tasks.report_and_wait, (rendezvous.address,))
            peer = rendezvous.accept()
            running = pool.apply_async(tasks.spin, (rendezvous.address,))
            rendezvous.receive()
            begin = time.monotonic()
            assert running.cancel()
            with pytest.raises(TaskCancelled):
                running.get(30)
            assert [pool.apply(tasks.square, (i,)) for i in range(4)] == [0, 1, 4, 9]
            assert time.monotonic() - begin < 5
            peer.release()
            assert neighbour.get(30) == "released"

    @pytest.mark.parametrize("chunksize", [1, 10, None])
    def test_of_a_map(self, pool: Pool, rendezvous: Rendezvous, chunksize: int | None) -> None:
        told: list[BaseException] = []
        result: AsyncResult[Any] = pool.map_async(
            tasks.spin, [rendezvous.address] * 1000, chunksize, error_callback=told.append
        )
        assert rendezvous.receive() != rendezvous.receive()
        assert result.cancel()
        with pytest.raises(TaskCancelled):
            result.get(30)
        assert pool.map(tasks.square, range(10)) == [i * i for i in range(10)]
        assert not rendezvous.has_pending()
        assert [type(error) for error in told] == [TaskCancelled]

    @pytest.mark.parametrize("way", QUEUED)
    def test_of_what_a_dead_worker_had_taken_and_not_begun(self, context: BaseContext, path: str, way: str) -> None:
        """The task is in no ring and no worker has it, because it was not yet sent to another worker."""
        with Pool(1, context=context) as pool:
            pool.apply(tasks.square, (1,))
            with pool_state.with_unfinished(pool) as reaped:
                result = QUEUED[way](pool, partial(pooling.record, path))
                assert reaped.wait(30)
                assert result.cancel()
                assert result.cancelled()
            assert pool.apply(tasks.square, (3,)) == 9
            assert pooling.recorded(path) == []

    def test_of_others_than_what_a_dead_worker_had_taken(self, path: str) -> None:
        with Pool(1) as pool:
            pool.apply(tasks.square, (1,))
            with pool_state.with_unfinished(pool) as reaped:
                result = pool.apply_async(pooling.record, (path, 1))
                assert reaped.wait(30)
                other = pool.apply_async(pooling.record, (path, 2))
                assert other.cancel()
            result.get(30)
            pool.apply(tasks.square, (3,))
            assert pooling.recorded(path) == ["1"]

    def test_of_a_retry(self, path: str) -> None:
        with Pool(1) as pool:
            result = pool.apply_async(pooling.fail_at_first, (path, 9, "raise"), retries=9, backoff=60)
            while not pool_state.is_waiting(pool, result):
                result.wait(0.001)  # there is no event for the time at which it is run again
            assert result.cancel()
            assert not pool_state.is_waiting(pool, result)
            with pytest.raises(TaskCancelled):
                result.get(0)
            assert pooling.recorded(path) == ["run"]

    def test_of_many_in_any_order(self, pool: Pool, rendezvous: Rendezvous) -> None:
        peers = [pool.apply_async(tasks.report_and_wait, (rendezvous.address,)) for _ in range(2)]
        waiting = [rendezvous.accept(), rendezvous.accept()]
        queued = [pool.apply_async(tasks.square, (i,)) for i in range(5000)]
        for result in [*queued[::2], *reversed(queued[1::2])]:
            assert result.cancel()
        for peer in waiting:
            peer.release()
        assert [peer.get(30) for peer in peers] == ["released"] * 2
        assert pool.apply(tasks.square, (3,)) == 9

    @pytest.mark.attack
    def test_only_the_cancelled_tasks_are_cancelled(
        self, context: BaseContext, rounds: Callable[[int, int], int]
    ) -> None:
        """Cancels that race with the ends of their tasks affect no other task."""
        with Pool(2, context=context) as pool:
            for _ in range(rounds(30, 1000)):
                results = [pool.apply_async(tasks.return_later, (i,)) for i in range(20)]
                cancelled = {i for i in range(0, 20, 3) if results[i].cancel()}
                for i, result in enumerate(results):
                    if i in cancelled:
                        with pytest.raises(TaskCancelled):
                            result.get(30)
                    else:
                        assert result.get(30) == i


class TestEnds:
    def test_join_that_times_out(self, own_pool: Pool, rendezvous: Rendezvous) -> None:
        pool = own_pool
        result = pool.apply_async(tasks.report_and_wait, (rendezvous.address,))
        peer = rendezvous.accept()
        pool.close()
        assert not pool.join(0.05)
        peer.release()
        assert pool.join(30)
        assert result.get(0) == "released"

    @pytest.mark.parametrize("state", ["deaf", pytest.param("stopped", marks=needs_signals_to_processes)])
    def test_terminate_within_a_second(self, context: BaseContext, rendezvous: Rendezvous, state: str) -> None:
        pool = Pool(2, context=context)
        for _ in range(2):
            pool.apply_async(tasks.spin, (rendezvous.address,))
        pids = [rendezvous.receive(), rendezvous.receive()]
        if state == "stopped":
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
        begin = time.monotonic()
        pool.terminate()
        assert time.monotonic() - begin < 1
        pool.join()


class TestArguments:
    @pytest.mark.parametrize(
        "options",
        [{"timeout": 0}, {"timeout": -1}, {"retries": -1}, {"backoff": -0.5}],
    )
    def test_values(self, options: Any) -> None:
        with pytest.raises(ValueError, match="must"):
            Pool(1, **options)

    @pytest.mark.parametrize("options", [{"timeout": "1"}, {"retries": 1.5}, {"patience": 1}, {"max_memory": "1"}])
    def test_types(self, options: Any) -> None:
        with pytest.raises(TypeError):
            Pool(1, **options)

    def test_of_a_call(self) -> None:
        with Pool(1) as pool, pytest.raises(TypeError, match="no such option: 'time_out'"):
            pool.map(tasks.square, [1], time_out=1)  # type: ignore[call-overload]


def test_errors_survive_pickling() -> None:
    memory = pickle.loads(pickle.dumps(MemoryExceeded("much", "f()", 3, -9, 10, 5)))
    assert (str(memory), memory.task, memory.pid, memory.used, memory.limit) == ("much", "f()", 3, 10, 5)
    late = pickle.loads(pickle.dumps(TaskTimeout("late", "f()", 2.5, 3)))
    assert (str(late), late.task, late.seconds, late.pid) == ("late", "f()", 2.5, 3)
    assert str(pickle.loads(pickle.dumps(TaskCancelled("why")))) == "why"
