"""The interface of `concurrent.futures`, over the same workers."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import itertools
import os
import pickle
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import processing_core
from processing_core import BaseContext, ClosedError
from processing_pool import (
    NotUnpicklableError,
    Pool,
    PoolBroken,
    ProcessPoolExecutor,
    WorkerDied,
)
from processing_testing.children import odd, pooling, tasks
from processing_testing.harness import pool_state, scripts
from processing_testing.harness.backends import wait_until
from processing_testing.harness.rendezvous import Rendezvous


@pytest.fixture
def executor(pool: Pool) -> ProcessPoolExecutor:
    """The executor of the pool that the tests share; they leave it open."""
    return pool.executor()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "record")


def _await(condition: Callable[[], object]) -> None:
    """Poll until a condition holds for which there is no event."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


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

    @pytest.mark.parametrize("wait", ["result", "exception"])
    def test_a_callback_that_comes_while_a_thread_waits(
        self, executor: ProcessPoolExecutor, rendezvous: Rendezvous, wait: str
    ) -> None:
        """The waiting thread is collecting by then; it gets the outcome although the callback's thread resolves it."""
        waited, called = threading.Event(), threading.Event()
        for _ in range(20):
            waited.clear()
            called.clear()
            future = executor.submit(tasks.report_and_wait, rendezvous.address)
            peer = rendezvous.accept()

            def get(future: Any = future) -> None:
                getattr(future, wait)()
                waited.set()

            thread = threading.Thread(target=get)
            thread.start()
            _await(lambda: pool_state.is_collecting(executor))
            future.add_done_callback(lambda _: called.set())
            peer.release()
            thread.join(30)
            assert waited.is_set() and called.wait(30)

    def test_a_callback_that_waits_for_a_thread_that_waits(
        self, executor: ProcessPoolExecutor, rendezvous: Rendezvous
    ) -> None:
        """As in concurrent.futures, threads that wait are woken before callbacks run."""
        future = executor.submit(tasks.report_and_wait, rendezvous.address)
        peer = rendezvous.accept()
        waited, passed = threading.Event(), []
        future.add_done_callback(lambda _: passed.append(waited.wait(30)))
        thread = threading.Thread(target=lambda: (future.result(), waited.set()))
        thread.start()
        peer.release()
        thread.join(30)
        _await(lambda: passed)
        assert passed == [True]

    def test_a_timeout(self, executor: ProcessPoolExecutor, rendezvous: Rendezvous) -> None:
        future = executor.submit(tasks.report_and_wait, rendezvous.address)
        peer = rendezvous.accept()
        assert future.running() and not future.done()
        with pytest.raises(concurrent.futures.TimeoutError):
            future.result(0.01)
        with pytest.raises(concurrent.futures.TimeoutError):
            future.exception(0.01)
        peer.release()
        assert future.result(30) == "released"
        assert not future.running()

    def test_as_completed_and_wait(self, executor: ProcessPoolExecutor) -> None:
        futures = {executor.submit(tasks.return_later, i): i for i in range(50)}
        assert sorted(futures[future] for future in concurrent.futures.as_completed(futures, 30)) == list(range(50))
        more = [executor.submit(tasks.return_later, i) for i in range(50)]
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

    def test_cancel(self, executor: ProcessPoolExecutor, rendezvous: Rendezvous, path: str) -> None:
        running = [executor.submit(tasks.report_and_wait, rendezvous.address) for _ in range(2)]
        peers = [rendezvous.accept(), rendezvous.accept()]
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
        for peer in peers:
            peer.release()
        assert running[1].result(30) == "released"
        assert pooling.recorded(path) == []

    def test_asyncio(self, executor: ProcessPoolExecutor) -> None:
        async def work() -> list[int]:
            loop = asyncio.get_running_loop()
            wrapped = asyncio.wrap_future(executor.submit(tasks.square, 7))
            return await asyncio.gather(*(loop.run_in_executor(executor, tasks.square, i) for i in range(20)), wrapped)

        assert asyncio.run(work()) == [*(i * i for i in range(20)), 49]


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

    def test_a_buffersize_counts_chunks(self, executor: ProcessPoolExecutor) -> None:
        pulled: list[int] = []
        results = executor.map(
            tasks.square, (pulled.append(n) or n for n in itertools.count()), buffersize=2, chunksize=3
        )
        for i in range(30):
            assert next(results) == i * i
            assert len(pulled) <= i + 1 + 6
        # Items are pulled in whole chunks; the thread that pulls them may be about to.
        assert wait_until(lambda: len(pulled) % 3 == 0)
        results.close()  # type: ignore[attr-defined]

    @pytest.mark.parametrize("chunksize", [1, 2])
    def test_a_buffer_is_filled_while_no_thread_waits(self, executor: ProcessPoolExecutor, chunksize: int) -> None:
        """Otherwise workers would be idle while the program uses a result."""
        pulled: list[int] = []
        items = (pulled.append(n) or n for n in itertools.count())
        results = executor.map(tasks.square, items, buffersize=3, chunksize=chunksize)
        for i in range(0, 12, chunksize):
            assert next(results) == i * i
            _await(lambda i=i: len(pulled) >= i + 3 * chunksize)
            assert [next(results) for _ in range(chunksize - 1)] == [n * n for n in range(i + 1, i + chunksize)]
            _await(lambda i=i: len(pulled) == i + 4 * chunksize)
        results.close()  # type: ignore[attr-defined]

    def test_all_is_begun_though_no_result_is_read(self, executor: ProcessPoolExecutor, path: str) -> None:
        results = executor.map(partial(pooling.record, path), range(10), chunksize=3)
        _await(lambda: len(pooling.recorded(path)) == 10)
        assert len(list(results)) == 10

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
        futures = [executor.submit(tasks.return_later, i) for i in range(50)]
        results = executor.map(tasks.square, range(1000))
        executor.shutdown()
        assert [future.result(0) for future in futures] == list(range(50))
        assert list(results) == [i * i for i in range(1000)]
        assert set(processing_core.active_children()) == others
        for submit in (lambda: executor.submit(abs, 1), lambda: executor.map(abs, [1])):
            with pytest.raises(RuntimeError, match="after shutdown"):
                submit()
        executor.shutdown()

    def test_shutdown_that_cancels(self, context: BaseContext, rendezvous: Rendezvous, path: str) -> None:
        executor = ProcessPoolExecutor(1, context)
        running = executor.submit(tasks.report_and_wait, rendezvous.address)
        peer = rendezvous.accept()
        queued = [executor.submit(pooling.record, path, i) for i in range(100)]
        executor.shutdown(wait=False, cancel_futures=True)
        assert all(future.cancelled() for future in queued)
        peer.release()
        assert running.result(30) == "released"
        executor.shutdown()
        assert pooling.recorded(path) == []

    @pytest.mark.parametrize(("wrong", "error"), [("1", TypeError), (float("nan"), ValueError)])
    def test_a_timeout_that_is_no_number(
        self, executor: ProcessPoolExecutor, wrong: Any, error: type[Exception]
    ) -> None:
        with pytest.raises(error, match="timeout"):
            executor.map(abs, [1], timeout=wrong)

    @pytest.mark.parametrize(("chunksize", "buffersize"), [(1, None), (7, None), (1, 2), (3, 2)])
    def test_shutdown_cancels_maps(
        self, context: BaseContext, rendezvous: Rendezvous, path: str, chunksize: int, buffersize: int | None
    ) -> None:
        executor = ProcessPoolExecutor(1, context)
        executor.submit(tasks.report_and_wait, rendezvous.address)
        peer = rendezvous.accept()
        record = partial(pooling.record, path)
        results = executor.map(record, range(2000), chunksize=chunksize, buffersize=buffersize)
        dropped = executor.map(record, range(100))
        pool_state.await_feeding(executor)
        del dropped
        executor.shutdown(wait=False, cancel_futures=True)
        with pytest.raises(concurrent.futures.CancelledError, match="before it had begun"):
            next(results)
        peer.release()
        executor.shutdown()
        assert pooling.recorded(path) == []

    def test_shutdown_cancels_maps_that_have_begun(self, context: BaseContext, rounds: Any) -> None:
        """What was begun is done, and all else is cancelled: nothing waits for an outcome that never comes."""
        for delay in [0, 0.001, 0.01] * rounds(2, 30):
            for chunksize in (1, 3):
                executor = ProcessPoolExecutor(2, context)
                results = executor.map(abs, range(5000), chunksize=chunksize)
                got = [next(results)] if delay else []
                time.sleep(delay)
                executor.shutdown(cancel_futures=True)
                with contextlib.suppress(concurrent.futures.CancelledError):
                    got.extend(results)
                assert got == list(range(len(got)))

    def test_an_iterable_that_blocks_does_not_hinder_a_shutdown(self, context: BaseContext) -> None:
        block = threading.Event()

        def items() -> Iterator[int]:
            yield 1
            block.wait(60)

        executor = ProcessPoolExecutor(1, context)
        results = executor.map(abs, items(), buffersize=10)
        assert next(results) == 1
        executor.shutdown(cancel_futures=True)
        with pytest.raises(concurrent.futures.CancelledError):
            next(results)
        block.set()

    @pytest.mark.parametrize("name", ["terminate_workers", "kill_workers"])
    def test_the_workers_are_ended(self, context: BaseContext, rendezvous: Rendezvous, name: str) -> None:
        others = set(processing_core.active_children())
        executor = ProcessPoolExecutor(2, context)
        futures = [executor.submit(tasks.spin, rendezvous.address) for _ in range(3)]
        rendezvous.receive(), rendezvous.receive()
        begin = time.monotonic()
        getattr(executor, name)()
        assert time.monotonic() - begin < 1
        assert futures.pop().cancelled()
        for future in futures:
            with pytest.raises(concurrent.futures.BrokenExecutor):
                future.result(30)
        assert set(processing_core.active_children()) == others
        with pytest.raises(concurrent.futures.BrokenExecutor, match=name):
            executor.submit(abs, 1)
        getattr(executor, name)()
        executor.shutdown()

    def test_killed_tasks_fail_as_the_pool_does(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        for _ in range(20):  # it is a race between the one who kills and the thread that sees the death
            executor = ProcessPoolExecutor(1, context)
            future = executor.submit(tasks.spin, rendezvous.address)
            rendezvous.receive()
            executor.kill_workers()
            with pytest.raises(PoolBroken, match="kill_workers"):
                future.result(30)

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


class TestAsConcurrentFutures:
    """Behaviour of `concurrent.futures` that programs rely on."""

    @pytest.mark.parametrize("how", ["nothing", "shutdown", "map", "child"])
    def test_what_was_submitted_is_done_before_the_program_ends(self, method: str, path: str, how: str) -> None:
        scripts.run(
            """
            import sys, time
            import processing_core
            from processing_pool import ProcessPoolExecutor
            from processing_testing.children import pooling

            def record(number):
                time.sleep(0.1)
                pooling.record(sys.argv[2], number)

            def program():
                executor = ProcessPoolExecutor(2, context)
                if sys.argv[3] == "map":
                    executor.map(record, range(6))
                else:
                    for number in range(6):
                        executor.submit(record, number)
                if sys.argv[3] == "shutdown":
                    executor.shutdown(wait=False)

            context = processing_core.get_context(sys.argv[1])
            if sys.argv[3] == "child":
                process = context.Process(target=program)
                process.start()
                process.join()
            else:
                program()
            """,
            method,
            path,
            how,
        )
        assert sorted(pooling.recorded(path)) == [str(number) for number in range(6)]

    @pytest.mark.parametrize("iterated", [False, True])
    @pytest.mark.parametrize("chunksize", [1, 3])
    def test_map_runs_all_though_no_result_is_read(
        self, context: BaseContext, path: str, iterated: bool, chunksize: int
    ) -> None:
        with ProcessPoolExecutor(2, context) as executor:
            results = executor.map(partial(pooling.record_and_sleep, path, 0.0), range(20), chunksize=chunksize)
            if not iterated:
                del results
        assert sorted(int(line.partition(":")[0]) for line in pooling.recorded(path)) == list(range(20))

    def test_map_with_a_buffersize_pulls_no_further(self, context: BaseContext) -> None:
        pulled: list[int] = []
        with ProcessPoolExecutor(2, context) as executor:
            results = executor.map(tasks.square, (pulled.append(n) or n for n in itertools.count()), buffersize=3)
            assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
            assert len(pulled) <= 5 + 3
            results.close()

    def test_errors_are_broken_executors(self, context: BaseContext) -> None:
        with ProcessPoolExecutor(1, context) as executor:
            error = executor.submit(tasks.die, "kill").exception(30)
            assert isinstance(error, WorkerDied) and isinstance(error, concurrent.futures.BrokenExecutor)
            assert executor.submit(tasks.square, 3).result(30) == 9  # one death fails one task
        with ProcessPoolExecutor(1, context, tasks.fail, ("no licence",)) as executor:
            error: BaseException | None
            try:
                error = executor.submit(tasks.square, 3).exception(30)
            except PoolBroken as broken:  # it was broken already
                error = broken
            assert isinstance(error, PoolBroken) and isinstance(error, concurrent.futures.BrokenExecutor)
            assert isinstance(error.__cause__, ValueError)
        assert issubclass(WorkerDied, concurrent.futures.BrokenExecutor)
        assert isinstance(pickle.loads(pickle.dumps(error)), PoolBroken)

    def test_errors_are_those_of_the_process_pool_where_that_is_loaded(self) -> None:
        scripts.run(
            """
            import sys
            import processing_pool
            assert "concurrent.futures" not in sys.modules
            pool = processing_pool.Pool(1)
            import concurrent.futures.process
            try:
                pool.apply(sys.exit, (3,))
            except concurrent.futures.process.BrokenProcessPool as error:
                assert type(error) is processing_pool.WorkerDied
            pool.terminate()
            """
        )

    def test_ctrl_c_in_its_block_ends_what_runs(self, method: str) -> None:
        scripts.run(
            """
            import os, signal, sys, threading, time
            import processing_core
            from processing_pool import ProcessPoolExecutor

            context = processing_core.get_context(sys.argv[1])
            try:
                with ProcessPoolExecutor(2, context) as executor:
                    executor.submit(int).result()
                    threading.Timer(0.3, signal.raise_signal, (signal.SIGINT,)).start()
                    list(executor.map(time.sleep, [600, 600]))
            except KeyboardInterrupt:
                sys.exit(bool(executor._processes))
            """,
            method,
        )

    @pytest.mark.parametrize("before", ["raise KeyboardInterrupt", "import sys; sys.last_type = 'of a program'"])
    def test_an_earlier_interrupt_of_a_session_loses_nothing(self, method: str, before: str) -> None:
        lines = [
            before,
            "import processing_core, processing_pool",
            f"executor = processing_pool.ProcessPoolExecutor(1, processing_core.get_context({method!r}))",
            "for _ in range(3): _ = executor.submit(print, 'done', flush=True)",
            "",
        ]
        command = [sys.executable, "-W", "error", "-i", "-c", ""]
        session = subprocess.run(command, input="\n".join([*lines, ""]), capture_output=True, text=True, check=False)
        assert session.stdout.split() == ["done"] * 3, session.stderr

    def test_another_exception_in_its_block_drains(self, context: BaseContext, path: str) -> None:
        def leave() -> None:
            with ProcessPoolExecutor(2, context) as executor:
                for number in range(4):
                    executor.submit(pooling.record_and_sleep, path, 0.1, number)
                raise LookupError

        with pytest.raises(LookupError):
            leave()
        assert len(pooling.recorded(path)) == 4


class TestLikeTheStandardOne:
    """Behaviour that CPython's tests of its executor require."""

    @pytest.mark.parametrize("chunksize", [1, 4])
    def test_exits_are_outcomes(self, context: BaseContext, chunksize: int) -> None:
        with ProcessPoolExecutor(1, context) as executor:
            pid = executor.submit(os.getpid).result(30)
            error = executor.submit(sys.exit, 3).exception(30)
            assert isinstance(error, SystemExit) and error.code == 3
            assert isinstance(executor.submit(odd.make_exits_when_dumped, 0).exception(30), SystemExit)
            for function in (odd.exit_if_two, odd.exit_when_dumped_if_two):
                results = executor.map(function, range(4), chunksize=chunksize)
                assert [next(results), next(results)] == [0, 1]
                with pytest.raises(SystemExit):
                    next(results)
            assert executor.submit(os.getpid).result(30) == pid

    def test_errors_of_pickling_are_what_programs_catch(self, executor: ProcessPoolExecutor) -> None:
        unsent = executor.submit(tasks.make, "result that does not dump").exception(30)
        assert isinstance(unsent, pickle.PicklingError) and not isinstance(unsent, concurrent.futures.BrokenExecutor)
        for future in (
            executor.submit(tasks.make, "result that does not load"),
            executor.submit(tasks.take, tasks.Unloadable()),
        ):
            unread = future.exception(30)
            assert isinstance(unread, concurrent.futures.BrokenExecutor) and isinstance(unread, NotUnpicklableError)
            again = pickle.loads(pickle.dumps(unread))
            assert type(again) is type(unread) and (again.exc, again.value) == (unread.exc, unread.value)
        assert executor.submit(tasks.square, 3).result(30) == 9

    def test_its_workers_end_when_it_is_dropped_though_results_are_not(self, context: BaseContext) -> None:
        executor = ProcessPoolExecutor(2, context)
        results = executor.map(tasks.square, range(10))
        thread = executor._executor_manager_thread
        del executor
        thread.join(30)
        assert not thread.is_alive()
        assert list(results) == [number * number for number in range(10)]

    def test_the_iterator_keeps_no_result(self, executor: ProcessPoolExecutor) -> None:
        for thing in executor.map(tasks.plain, range(3)):
            seen = weakref.ref(thing)
            del thing
            assert seen() is None

    def test_a_broken_one_takes_nothing(self, context: BaseContext) -> None:
        with ProcessPoolExecutor(1, context, tasks.fail, (3,)) as executor:
            _await(lambda: executor._broken)
            for submit in (executor.submit, executor.map):
                with pytest.raises(PoolBroken, match="initializer") as caught:
                    submit(tasks.square, 3)
                assert isinstance(caught.value.__cause__, ValueError)

    def test_the_failure_of_an_initializer_is_logged(self, context: BaseContext, path: str) -> None:
        with ProcessPoolExecutor(1, context, pooling.log_and_fail, (path,)) as executor:
            _await(lambda: executor._broken)
        text = Path(path).read_text()
        assert text.startswith("Exception in initializer:") and "ValueError: no licence" in text

    @pytest.mark.parametrize("name", ["max_workers", "max_tasks_per_child"])
    def test_numbers(self, name: str) -> None:
        for number in (0, -1):
            with pytest.raises(ValueError, match=rf"{name} must be greater than 0, not {number}"):
                ProcessPoolExecutor(**{name: number})
        with pytest.raises(TypeError, match=rf"{name} must be an integer, not 'two'"):
            ProcessPoolExecutor(**{name: "two"})  # type: ignore[arg-type]

    def test_replaced_workers_are_spawned_unless_a_context_is_given(self) -> None:
        with ProcessPoolExecutor(1, max_tasks_per_child=1) as executor:
            assert executor._mp_context.get_start_method() == "spawn"
            assert executor.submit(tasks.square, 3).result(30) == 9
