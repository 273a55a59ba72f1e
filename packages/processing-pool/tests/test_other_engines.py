"""Pools on Ray and on mpi4py's executor, where they are installed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

import processing_core
from processing_pool import WorkerDied, cluster
from processing_pool.cluster import Cluster
from processing_queues import Empty, Full
from processing_testing.children import engine_tasks, tasks
from processing_testing.harness.ray_cluster import RayServer


def has(*modules: str) -> bool:
    return all(importlib.util.find_spec(name) is not None for name in modules)


@pytest.fixture(scope="class")
def server() -> Iterator[RayServer]:
    with RayServer() as server:
        yield server


@pytest.fixture(scope="class")
def machines(server: RayServer) -> Iterator[Cluster]:
    with cluster.connect(server.address, timeout=60) as machines:
        yield machines


@pytest.mark.attack
@pytest.mark.watchdog(200)
@pytest.mark.skipif(not has("ray", "grpc"), reason="Ray and its client (ray[client]) are not installed")
class TestRay:
    def test_every_form_of_the_pool(self, machines: Cluster) -> None:
        with machines.Pool() as pool:
            assert pool.map(tasks.square, range(3000)) == [i * i for i in range(3000)]
            assert pool.starmap(pow, [(2, 3), (3, 2)]) == [8, 9]
            assert list(pool.imap(tasks.square, range(50), 5)) == [i * i for i in range(50)]
            assert sorted(pool.imap_unordered(tasks.square, range(50), 5)) == [i * i for i in range(50)]
            called: list[int] = []
            assert pool.apply_async(tasks.square, (3,), callback=called.append).get(30) == 9
            pool.close()
            pool.join()
            assert called == [9]

    def test_an_executor_and_functions_by_value(self, machines: Cluster) -> None:
        large = os.urandom(3_000_000)
        with machines.ProcessPoolExecutor() as executor:
            assert executor.submit(lambda item: (item[:1], len(large)), large).result(60) == (large[:1], len(large))

    def test_each_task_has_its_own_error(self, machines: Cluster) -> None:
        with machines.Pool() as pool:
            with pytest.raises(ValueError, match="3"):
                pool.apply(tasks.fail, (3,))
            for error in (SystemExit, KeyboardInterrupt):
                with pytest.raises(error):
                    pool.apply(engine_tasks.throw, (error,))
            results = pool.map(engine_tasks.give, [1, *engine_tasks.BAD, 2], 1, return_exceptions=True)
            assert [results[0], results[-1]] == [1, 2]
            assert all(isinstance(result, Exception) for result in results[1:-1])

    def test_a_death_fails_one_item_of_a_batch(self, machines: Cluster) -> None:
        with machines.Pool() as pool:
            results = pool.map(engine_tasks.die_if_3, range(6), 3, return_exceptions=True)
            assert [type(result) for result in results] == [int] * 3 + [WorkerDied] + [int] * 2

    def test_the_initializer_runs_once_in_each_process(self, machines: Cluster) -> None:
        with machines.Pool(initializer=engine_tasks.initialize, initargs=("ray",)) as pool:
            assert set(pool.map(engine_tasks.initialized, ["ray"] * 20, 1)) == {1}

    def test_a_queue_and_what_is_absent(self, machines: Cluster) -> None:
        queue = machines.Queue(1)
        queue.put({"a": (1, 2)})
        with pytest.raises(Full):
            queue.put(3, timeout=0.05)
        assert queue.qsize() == 1 and queue.full()
        assert queue.get() == {"a": (1, 2)}
        with pytest.raises(Empty):
            queue.get(timeout=0.05)
        with pytest.raises(processing_core.NotPicklableError):
            queue.put(threading.Lock())
        queue.close()
        for name in ("Lock", "Process"):
            with pytest.raises(AttributeError):
                getattr(machines, name)()


MPI = """
from mpi4py.futures import MPIPoolExecutor
from processing_pool import Pool
from processing_testing.children import engine_tasks, tasks

if __name__ == "__main__":
    with MPIPoolExecutor(2) as executor:
        with Pool(2, backend=executor) as pool:
            assert pool.map(tasks.square, range(500)) == [i * i for i in range(500)]
            assert list(pool.imap(len, ["a", "bb"])) == [1, 2]
            factor = 3
            assert pool.apply(lambda n: n * factor, (2,)) == 6
            results = pool.map(engine_tasks.give, [1, *engine_tasks.BAD, 2], 1, return_exceptions=True)
            assert [results[0], results[-1]] == [1, 2]
            assert all(isinstance(result, Exception) for result in results[1:-1])
            try:
                pool.apply(tasks.fail, (3,))
            except ValueError as error:
                print("ValueError", error)
"""


@pytest.mark.attack
@pytest.mark.watchdog(120)
@pytest.mark.skipif(not has("mpi4py"), reason="mpi4py is not installed")
def test_the_executor_of_mpi4py(tmp_path: os.PathLike[str]) -> None:
    launcher = shutil.which("mpiexec", path=os.path.dirname(sys.executable)) or shutil.which("mpiexec")
    if launcher is None:
        pytest.skip("there is no mpiexec")
    path = os.path.join(tmp_path, "on_mpi.py")
    with open(path, "w") as file:
        file.write(MPI)
    command = [launcher, "-n", "3", sys.executable, "-m", "mpi4py.futures", path]
    run = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert (run.returncode, run.stdout) == (0, "ValueError 3\n"), run.stderr
