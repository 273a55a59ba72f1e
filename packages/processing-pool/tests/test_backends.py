"""Pools on executors and other backends: what is not in the contract of all pools."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from processing_pool import Pool, PoolBroken, ProcessPoolExecutor, WorkerDied
from processing_pool.backends import Backend, run
from processing_testing.children import engine_tasks, tasks
from processing_testing.harness import scripts


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2) as executor:
        yield executor


class Here:
    """A backend that runs each task at once, in the calling thread, and counts them."""

    workers = 3

    def __init__(self) -> None:
        self.tasks = 0
        self.bytes = 0
        self.closed = 0

    def submit(self, task: bytes, /) -> Future[bytes]:
        self.tasks += 1
        self.bytes += len(task)
        future: Future[bytes] = Future()
        future.set_result(run(task))
        return future

    def close(self) -> None:
        self.closed += 1


class TestBackend:
    def test_any_object_with_three_names_will_do(self) -> None:
        here: Backend = Here()
        with Pool(backend=here) as pool:
            assert pool.map(tasks.square, range(100)) == [i * i for i in range(100)]
            assert repr(pool).endswith("pool_size=3>")
        assert isinstance(here, Here) and here.closed == 1

    def test_processes_bounds_what_runs_at_the_same_time(self) -> None:
        with Pool(2, backend=Here()) as pool:
            assert pool._processes == 2
            pool.resize(1)
            assert pool._processes == 1
            assert pool.apply(tasks.square, (3,)) == 9

    def test_what_is_no_backend_is_refused(self) -> None:
        with pytest.raises(TypeError, match="backend must be an executor, or have submit, workers and close"):
            Pool(backend=object())

    @pytest.mark.parametrize("option", ["maxtasksperchild", "max_memory", "idle_timeout"])
    def test_what_is_for_workers_of_ours_is_refused(self, option: str) -> None:
        with pytest.raises(ValueError, match="starts no workers"):
            Pool(backend=Here(), **{option: 1})  # type: ignore[arg-type]

    def test_a_failing_backend_breaks_the_pool(self, threads: ThreadPoolExecutor) -> None:
        pool = Pool(backend=threads)
        assert pool.apply(tasks.square, (2,)) == 4
        threads.shutdown()
        with pytest.raises(PoolBroken, match="cannot schedule new futures"):
            pool.apply(tasks.square, (2,))
        pool.join()

    def test_a_large_function_is_sent_with_the_first_tasks_alone(self) -> None:
        here, large = Here(), b"x" * 1_000_000
        with Pool(backend=here) as pool:
            assert set(pool.map(lambda i: len(large), range(200), 1)) == {len(large)}
        assert len(large) < here.bytes < 4 * (here.workers + 1) * len(large)

    def test_importing_imports_no_engine(self) -> None:
        program = "import sys, processing, processing_pool.cluster, processing_pool.backends\nprocessing.Pool\n"
        program += "print(sorted({'concurrent.futures', 'distributed', 'dask', 'ray'} & sys.modules.keys()))"
        assert scripts.run(program) == "[]\n"


class TestWorkers:
    def test_the_initializer_runs_once_in_each_process_and_pool(self, processes: ProcessPoolExecutor) -> None:
        for _ in range(2):
            token = os.urandom(8).hex()
            with Pool(backend=processes, initializer=engine_tasks.initialize, initargs=(token,)) as pool:
                assert set(pool.map(engine_tasks.initialized, [token] * 50, 1)) == {1}

    @pytest.mark.parametrize("how", ["raise", "sys.exit"])
    def test_an_initializer_that_fails_breaks_the_pool(self, threads: ThreadPoolExecutor, how: str) -> None:
        with Pool(backend=threads, initializer=engine_tasks.fail, initargs=(how,)) as pool:
            with pytest.raises(PoolBroken, match="initializer failed") as caught:
                pool.apply(tasks.square, (1,))
            assert isinstance(caught.value.__cause__, ValueError if how == "raise" else SystemExit)

    def test_a_death_below_an_executor_fails_one_item(self, processes: ProcessPoolExecutor) -> None:
        with Pool(backend=processes) as pool:
            results = pool.map(engine_tasks.die_if_3, range(6), chunksize=3, return_exceptions=True)
            assert [type(result) for result in results] == [int, int, int, WorkerDied, int, int]
            assert str(results[3]).startswith("die_if_3(3): its worker, process ")

    @pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
    def test_an_exit_in_a_task_is_its_outcome(self, threads: ThreadPoolExecutor, error: type[BaseException]) -> None:
        with Pool(backend=threads) as pool:
            with pytest.raises(error):
                pool.apply(engine_tasks.throw, (error,))
            assert pool.apply(tasks.square, (3,)) == 9

    def test_objects_that_cannot_be_pickled_fail_their_own_task(self, processes: ProcessPoolExecutor) -> None:
        with Pool(backend=processes) as pool:
            for case in engine_tasks.BAD:
                results = pool.map(engine_tasks.give, [1, case, 2], 3, return_exceptions=True)
                assert results[::2] == [1, 2], case
                assert isinstance(results[1], Exception), case

    def test_a_timeout_frees_the_worker(self, threads: ThreadPoolExecutor) -> None:
        with Pool(backend=threads) as pool:
            results = pool.map(engine_tasks.loop_if_odd, range(8), 1, timeout=0.1, return_exceptions=True)
            assert [type(result).__name__ for result in results] == ["int", "TaskTimeout"] * 4


class TestNested:
    @pytest.mark.parametrize("chunksize", [1, 4])
    def test_a_pool_inside_a_task_of_the_same_executor(self, threads: ThreadPoolExecutor, chunksize: int) -> None:
        """All threads wait for the pools inside; they run the tasks of these themselves."""
        engine_tasks.EXECUTORS["shared"] = threads
        try:
            with Pool(backend=threads) as pool:
                assert pool.map(engine_tasks.sum_of_squares, range(6), chunksize) == [0, 0, 1, 5, 14, 30]
        finally:
            del engine_tasks.EXECUTORS["shared"]


class TestModules:
    def test_workers_get_the_modules_of_the_program(self, tmp_path: Path) -> None:
        """A process with another path, as on another machine, runs functions of modules that it does not have."""
        for name, text in PROGRAM.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        command = [sys.executable, "program.py"]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=50)
        expected = f"[0, 10, 20] Point(3) LookupError('7') {Path('tools', 'inner.py')}\n"
        assert (ran.stdout, ran.stderr) == (expected, "")


PROGRAM = {
    "tools/__init__.py": "from tools import inner\n",
    "tools/inner.py": "FACTOR = 10\ndef name():\n    return __file__ if '__file__' in globals() else __spec__.origin\n",
    "helpers.py": """
import tools

class Point:
    def __init__(self, x):
        self.x = x
    def __repr__(self):
        return f"Point({self.x})"

class Missing(LookupError):
    pass

def scaled(n):
    return n * tools.inner.FACTOR

def fail(n):
    raise Missing(n)
""",
    "program.py": """
import os, subprocess, sys, threading
from concurrent.futures import Future
from processing_pool import Pool
import helpers, tools
from processing_testing.harness.far_worker import FarWorker

def local(n):
    return helpers.scaled(n)

def name(_):
    import tools.inner
    return tools.inner.name()

if __name__ == "__main__":
    with FarWorker() as far, Pool(backend=far) as pool:
        numbers = pool.map(local, range(3))
        point = pool.apply(helpers.Point, (3,))
        try:
            pool.apply(helpers.fail, ("7",))
        except helpers.Missing as error:
            caught = error
        print(numbers, point, LookupError(*caught.args).__repr__(), os.path.relpath(pool.apply(name, (0,))))
""",
}


@pytest.mark.skipif(sys.version_info < (3, 14), reason="interpreters of a pool are new in Python 3.14")
class TestInterpreters:
    def test_tasks_run_in_interpreters(self) -> None:
        pytest.importorskip("_interpreters", reason="this CPython has none", exc_type=ImportError)
        from concurrent.futures import InterpreterPoolExecutor  # type: ignore[attr-defined, unused-ignore]

        make: Callable[[int], Executor] = InterpreterPoolExecutor
        with make(2) as executor, Pool(backend=executor) as pool:
            assert pool.map(abs, range(-200, 0)) == list(range(200, 0, -1))
            assert list(pool.imap(len, ["a", "bb"])) == [1, 2]
            factor = 3
            assert pool.apply(lambda n: n * factor, (2,)) == 6
            with pytest.raises(ZeroDivisionError):
                pool.apply(divmod, (1, 0))


def test_threads_end_with_the_pool() -> None:
    with ThreadPoolExecutor(1) as executor:
        before = threading.active_count()
        with Pool(backend=executor) as pool:
            assert pool.apply(tasks.square, (3,)) == 9
        assert threading.active_count() <= before + 1  # the executor's thread
