"""The interface of `concurrent.futures`, over the same workers."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import processing_core
from processing_core import BaseContext, ClosedError
from processing_pool import Pool, ProcessPoolExecutor, TaskCancelled, WorkerDied
from processing_testing import pooling, tasks
from processing_testing.meeting import Meeting


@pytest.fixture
def executor(pool: Pool) -> ProcessPoolExecutor:
    """That of the pool which the tests share; they leave it open."""
    return pool.executor()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "record")


class TestFutures:
    def test_submit(self, executor: ProcessPoolExecutor) -> None:
        futures = [executor.submit(pow, i, 2) for i in range(100)]
        assert all(isinstance(future, concurrent.futures.Future) for future in futures)
        assert [future.result(30) for future in futures] == [i * i for i in range(100)]
        assert executor.submit(tasks.combine, 1, self=2).result() == ((1,), {"self": 2})

    def test_exceptions(self, executor: ProcessPoolExecutor) -> None:
        with pytest.raises(ValueError, match="^3$"):
            executor.submit(tasks.fail, 3).result(30)
        assert isinstance(executor.submit(tasks.die, "kill").exception(30), WorkerDied)
        assert executor.submit(tasks.square, 3).exception(30) is None

    def test_a_timeout(self, executor: ProcessPoolExecutor, place: Meeting) -> None:
        future = executor.submit(tasks.stay, place.address)
        guest = place.welcome()
        assert future.running() and not future.done()
        with pytest.raises(concurrent.futures.TimeoutError):
            future.result(0.01)
        with pytest.raises(concurrent.futures.TimeoutError):
            future.exception(0.01)
        guest.dismiss()
        assert future.result(30) == "dismissed"
        assert not future.running()

    def test_as_completed_and_wait(self, executor: ProcessPoolExecutor) -> None:
        futures = {executor.submit(tasks.linger, i): i for i in range(50)}
        assert sorted(futures[future] for future in concurrent.futures.as_completed(futures, 30)) == list(range(50))
        more = [executor.submit(tasks.linger, i) for i in range(50)]
        done, rest = concurrent.futures.wait(more, 30)
        assert (len(done), len(rest)) == (50, 0)

    def test_callbacks(self, executor: ProcessPoolExecutor) -> None:
        called: list[int] = []
        over = threading.Event()
        future = executor.submit(tasks.square, 3)
        future.add_done_callback(lambda future: called.append(executor.submit(tasks.square, future.result()).result()))
        future.add_done_callback(lambda future: over.set())
        assert over.wait(30)
        assert called == [81]
        future.add_done_callback(lambda future: called.append(0))
        assert called == [81, 0]

    def test_cancel(self, executor: ProcessPoolExecutor, place: Meeting, path: str) -> None:
        running = [executor.submit(tasks.stay, place.address) for _ in range(2)]
        guests = [place.welcome(), place.welcome()]
        queued = executor.submit(pooling.record, path, 1)
        last = executor.submit(tasks.square, 3)
        assert queued.cancel() and queued.cancelled() and queued.done() and not queued.running()
        assert queued.cancel()
        with pytest.raises(concurrent.futures.CancelledError):
            queued.result(30)
        assert concurrent.futures.wait([queued], 30).done == {queued}
        assert running[0].cancel()
        with pytest.raises(concurrent.futures.CancelledError):
            running[0].result(30)
        assert last.result(30) == 9
        assert not last.cancel()
        for guest in guests:
            guest.dismiss()
        assert running[1].result(30) == "dismissed"
        assert pooling.recorded(path) == []

    def test_asyncio(self, executor: ProcessPoolExecutor) -> None:
        async def work() -> list[int]:
            loop = asyncio.get_running_loop()
            wrapped = asyncio.wrap_future(executor.submit(tasks.square, 7))
            return await asyncio.gather(*(loop.run_in_executor(executor, tasks.square, i) for i in range(20)), wrapped)

        assert asyncio.run(work()) == [*(i * i for i in range(20)), 49]

    @pytest.mark.parametrize(
        ("step", "ok", "value"),
        [("set_result", True, 9), ("set_exception", False, ValueError()), ("cancel", False, TaskCancelled("it was"))],
    )
    def test_two_threads_may_know_the_outcome(
        self, pool: Pool, place: Meeting, monkeypatch: pytest.MonkeyPatch, step: str, ok: bool, value: Any
    ) -> None:
        """Who collects and who cancels: the second comes while the first is at it."""
        future: Any = pool.submit(tasks.stay, place.address)
        guest = place.welcome()
        original = getattr(concurrent.futures.Future, step)

        def second_comes(self: Any, *args: Any) -> Any:
            monkeypatch.undo()
            second = threading.Thread(target=future.settle, args=(ok, value))
            second.start()
            second.join()
            return original(self, *args)

        monkeypatch.setattr(concurrent.futures.Future, step, second_comes)
        future.settle(ok, value)
        assert concurrent.futures.wait([future], 30).done == {future}
        assert future.cancelled() if step == "cancel" else (future.exception() or future.result()) is value
        guest.dismiss()


class TestMap:
    @pytest.mark.parametrize("chunksize", [1, 7])
    def test_of_several_iterables(self, executor: ProcessPoolExecutor, chunksize: int) -> None:
        results = executor.map(pow, range(50), itertools.repeat(2), chunksize=chunksize)
        assert list(results) == [i * i for i in range(50)]

    def test_reads_its_iterables_at_once(self, executor: ProcessPoolExecutor) -> None:
        items = iter(range(10))
        results = executor.map(tasks.square, items)
        assert next(items, None) is None
        assert list(results) == [i * i for i in range(10)]

    def test_unless_a_buffersize_is_given(self, executor: ProcessPoolExecutor) -> None:
        pulled = 0

        def count() -> Iterator[int]:
            nonlocal pulled
            while True:
                pulled += 1
                yield pulled

        results = executor.map(tasks.square, count(), buffersize=5)
        for i in range(1, 30):
            assert next(results) == i * i
            assert pulled <= i + 5 + 1
        results.close()  # type: ignore[attr-defined]

    def test_a_timeout_of_the_whole(self, executor: ProcessPoolExecutor, path: str) -> None:
        results = executor.map(partial(pooling.record_and_sleep, path, 0.1), range(100), timeout=0.3)
        with pytest.raises(concurrent.futures.TimeoutError):
            list(results)
        done = executor.submit(tasks.square, 2)
        assert done.result(30) == 4
        assert len(pooling.recorded(path)) < 50

    def test_raises_the_first_error(self, executor: ProcessPoolExecutor) -> None:
        results = executor.map(tasks.fail_if_odd, range(10))
        assert next(results) == 0
        with pytest.raises(ValueError, match="^1$"):
            next(results)
        with pytest.raises(StopIteration):
            next(results)

    @pytest.mark.parametrize("wrong", [{"chunksize": 0}, {"buffersize": 0}])
    def test_arguments(self, executor: ProcessPoolExecutor, wrong: dict[str, int]) -> None:
        with pytest.raises(ValueError, match="at least 1"):
            executor.map(tasks.square, [1], **wrong)  # type: ignore[arg-type]


class TestEnds:
    def test_shutdown_does_what_was_submitted(self, context: BaseContext) -> None:
        others = set(processing_core.active_children())
        executor = ProcessPoolExecutor(2, context)
        futures = [executor.submit(tasks.linger, i) for i in range(50)]
        results = executor.map(tasks.square, range(1000))
        executor.shutdown()
        assert [future.result(0) for future in futures] == list(range(50))
        assert list(results) == [i * i for i in range(1000)]
        assert set(processing_core.active_children()) == others
        for submit in (lambda: executor.submit(abs, 1), lambda: executor.map(abs, [1])):
            with pytest.raises(RuntimeError, match="after shutdown"):
                submit()
        executor.shutdown()

    def test_shutdown_that_cancels(self, context: BaseContext, place: Meeting, path: str) -> None:
        executor = ProcessPoolExecutor(1, context)
        running = executor.submit(tasks.stay, place.address)
        guest = place.welcome()
        queued = [executor.submit(pooling.record, path, i) for i in range(100)]
        executor.shutdown(wait=False, cancel_futures=True)
        assert all(future.cancelled() for future in queued)
        guest.dismiss()
        assert running.result(30) == "dismissed"
        executor.shutdown()
        assert pooling.recorded(path) == []

    @pytest.mark.parametrize("name", ["terminate_workers", "kill_workers"])
    def test_the_workers_are_ended(self, context: BaseContext, place: Meeting, name: str) -> None:
        others = set(processing_core.active_children())
        executor = ProcessPoolExecutor(2, context)
        futures = [executor.submit(tasks.spin, place.address) for _ in range(3)]
        place.hear(), place.hear()
        begin = time.monotonic()
        getattr(executor, name)()
        assert time.monotonic() - begin < 1
        for future in futures:
            with pytest.raises((ClosedError, WorkerDied)):
                future.result(30)
        assert set(processing_core.active_children()) == others

    def test_parameters(self, context: BaseContext) -> None:
        with ProcessPoolExecutor(1, context, tasks.remember, (1,), max_tasks_per_child=2) as executor:
            assert [executor.submit(tasks.remembered).result() for _ in range(4)] == [[1]] * 4
            assert len({executor.submit(tasks.pid).result() for _ in range(4)}) == 2

    def test_of_a_pool(self, own_pool: Pool) -> None:
        pool = own_pool
        assert pool.submit(pow, 2, 10).result(30) == 1024
        executor = pool.executor()
        assert executor.submit(os.getpid).result(30) in {child.pid for child in processing_core.active_children()}
        assert list(executor.map(tasks.square, range(5))) == [i * i for i in range(5)]
        executor.shutdown()
        with pytest.raises(ClosedError):
            pool.apply(tasks.square, (1,))


def test_a_pool_does_without_the_modules() -> None:
    code = "import sys, processing_pool; print([m for m in ('concurrent', 'logging') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
