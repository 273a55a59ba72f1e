"""Pools on Ray and on mpi4py's executor, where they are installed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

import processing_core
from processing_pool import TaskCancelled, WorkerDied, cluster
from processing_pool.cluster import Cluster
from processing_queues import Empty, Full
from processing_testing.children import engine_tasks, tasks
from processing_testing.harness.backends import wait_until
from processing_testing.harness.ray_cluster import RayServer
from processing_testing.harness.rendezvous import Rendezvous


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

    def test_what_is_cancelled(self, machines: Cluster) -> None:
        """A result that comes all the same disturbs nothing, and what waits is not begun."""
        with machines.Pool() as pool, Rendezvous() as rendezvous:
            results = [pool.apply_async(tasks.report_and_wait, (rendezvous.address,)) for _ in range(6)]
            peers = [rendezvous.accept() for _ in range(2)]
            for result in results:
                assert result.cancel()
                with pytest.raises(TaskCancelled):
                    result.get(30)
            for thread in threading.enumerate():
                if thread.name == "processing cancels on Ray":
                    thread.join(30)
            for peer in peers:
                with suppress(ConnectionError):
                    peer.release()
            assert pool.map(tasks.square, range(300)) == [i * i for i in range(300)]
            assert not rendezvous.has_pending()

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


@pytest.mark.attack
@pytest.mark.watchdog(250)
@pytest.mark.skipif(not has("ray", "grpc"), reason="Ray and its client (ray[client]) are not installed")
class TestFaultsOfRay:
    """Each on a cluster of its own."""

    def test_a_lost_node_loses_no_item(self) -> None:
        with RayServer(1) as server, cluster.connect(server.address, timeout=60) as machines, machines.Pool() as pool:
            node = server.add_node()
            assert wait_until(lambda: pool._processes == 2, 100)
            with Rendezvous() as rendezvous:
                results = [pool.apply_async(tasks.report_and_wait, (rendezvous.address,)) for _ in range(2)]
                peers = [rendezvous.accept() for _ in results]  # one at each node
                node.kill()
                for peer in peers:
                    with suppress(ConnectionError):
                        peer.release()
                ended = [outcome_of(result) for result in results]
            assert sorted(type(outcome).__name__ for outcome in ended) == ["WorkerDied", "str"]
            assert wait_until(lambda: pool._processes == 1, 100)
            assert pool.map(tasks.square, range(50)) == [i * i for i in range(50)]

    def test_a_lost_node_is_made_up_for_by_retries(self) -> None:
        with RayServer(1) as server, cluster.connect(server.address, timeout=60) as machines, machines.Pool() as pool:
            node = server.add_node()
            assert wait_until(lambda: pool._processes == 2, 100)
            results = pool.imap(engine_tasks.slowly, range(200), 5, retries=2)
            first = [results.next(60) for _ in range(10)]
            node.kill()
            assert first + list(results) == list(range(200))

    def test_the_head_killed(self) -> None:
        """In a program of its own: threads of Ray's client raise later."""
        with RayServer() as server, Rendezvous() as rendezvous:
            program = [sys.executable, "-c", HEADLESS, server.address, rendezvous.address]
            with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
                rendezvous.accept()
                server.kill()
                out, err = client.communicate(timeout=200)
        assert (client.returncode, out.splitlines()) == (0, [*["PoolBroken"] * 5, "ClusterLost"]), err


HEADLESS = """
import sys
from processing_pool import cluster
from processing_testing.children import tasks

def tell(call, *arguments):
    try:
        print("no error:", call(*arguments))
    except Exception as error:
        print(type(error).__name__, "" if "is lost" in str(error) else error, sep="")

with cluster.connect(sys.argv[1], timeout=60) as machines:
    pool = machines.Pool()
    queue = machines.Queue()
    for result in [pool.apply_async(tasks.report_and_wait, (sys.argv[2],)) for _ in range(4)]:
        tell(result.get, 100)
    tell(pool.apply, tasks.square, (3,))
    tell(queue.put, 1)
"""


def outcome_of(result: Any) -> Any:
    """What a task returned or raised."""
    try:
        return result.get(100)
    except Exception as error:
        return error


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
