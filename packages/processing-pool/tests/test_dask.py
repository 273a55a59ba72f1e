"""Pools and shared objects on a real Dask scheduler; each fault on a cluster of its own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import processing_core
from processing_core import NotHeldError
from processing_pool import Pool, PoolBroken, TaskTimeout, WorkerDied, cluster
from processing_pool.cluster import Cluster
from processing_queues import Empty, Full
from processing_testing.children import engine_tasks, tasks
from processing_testing.harness import backends
from processing_testing.harness.backends import wait_until
from processing_testing.harness.rendezvous import Rendezvous

if (_reason := backends.why_not("dask")) is not None:
    pytest.skip(_reason, allow_module_level=True)

from processing_testing.harness.dask_cluster import DaskCluster


@pytest.fixture(scope="module")
def engine() -> Iterator[DaskCluster]:
    """A cluster that tests do not harm."""
    with DaskCluster() as engine:
        yield engine


@pytest.fixture(scope="module")
def machines(engine: DaskCluster) -> Iterator[Cluster]:
    with connected(engine) as machines:
        yield machines


@pytest.fixture
def fresh() -> Iterator[DaskCluster]:
    """A cluster for a fault."""
    with DaskCluster() as engine:
        yield engine


def connected(engine: DaskCluster, workers: int = 2) -> Cluster:
    machines = cluster.connect(engine.address, timeout=50)
    wait_for_workers(machines, workers)
    return machines


def wait_for_workers(machines: Cluster, n: int) -> None:
    client: Any = machines._client  # type: ignore[attr-defined]
    client.wait_for_workers(n, timeout=50)


class TestObjects:
    def test_a_queue(self, machines: Cluster) -> None:
        queue = machines.Queue(2)
        queue.put({"a": (1, 2)})
        queue.put(b"x" * 500_000)
        assert queue.qsize() == 2 and queue.full() and not queue.empty()
        with pytest.raises(Full):
            queue.put(3, timeout=0.05)
        with pytest.raises(Full):
            queue.put_nowait(3)
        assert queue.get() == {"a": (1, 2)}
        assert len(queue.get_nowait()) == 500_000
        with pytest.raises(Empty):
            queue.get(timeout=0.05)
        with pytest.raises(Empty):
            queue.get(False)
        with pytest.raises(processing_core.NotPicklableError):
            queue.put(threading.Lock())
        queue.close()

    def test_objects_travel_in_tasks(self, machines: Cluster) -> None:
        queue, value, event = machines.Queue(), machines.Value("i", 3), machines.Event()
        with machines.Pool() as pool:
            result = pool.apply_async(engine_tasks.use, (queue, value, value.get_lock(), event))
            assert queue.get(timeout=30) == "begun"
            assert not event.is_set()
            event.set()
            assert result.get(30) == "set"
            assert value.value == 4
            pool.starmap(engine_tasks.increment, [(value, value.get_lock())] * 6)
            assert value.value == 10
        event.clear()
        assert not event.wait(0.01)

    def test_a_lock_and_a_semaphore(self, machines: Cluster) -> None:
        lock, semaphore = machines.Lock(), machines.Semaphore(2)
        with lock:
            assert not lock.acquire(False)
            assert not lock.acquire(timeout=0.01)
        with pytest.raises(NotHeldError):
            lock.release()
        assert [semaphore.acquire(False) for _ in range(3)] == [True, True, False]

    def test_what_is_for_one_machine_is_absent(self, machines: Cluster) -> None:
        for name in ("Process", "Pipe", "Condition"):
            with pytest.raises(AttributeError, match=f"has no {name}; it is for one machine alone"):
                getattr(machines, name)


class TestPools:
    def test_an_executor(self, machines: Cluster) -> None:
        with machines.ProcessPoolExecutor() as executor:
            assert executor.submit(pow, 2, 10).result(30) == 1024
            assert list(executor.map(tasks.square, range(10))) == [i * i for i in range(10)]

    def test_the_executor_of_the_engine_is_one_like_any_other(self, machines: Cluster) -> None:
        client: Any = machines._client  # type: ignore[attr-defined]
        with client.get_executor() as executor, Pool(2, backend=executor) as pool:
            assert pool.map(tasks.square, range(500)) == [i * i for i in range(500)]
            with pytest.raises(ValueError, match="3"):
                pool.apply(tasks.fail, (3,))

    def test_the_initializer_runs_once_in_each_process(self, machines: Cluster) -> None:
        with machines.Pool(initializer=engine_tasks.initialize, initargs=("dask",)) as pool:
            assert set(pool.map(engine_tasks.initialized, ["dask"] * 30, 1)) == {1}

    def test_exits_and_bad_objects_fail_their_own_tasks(self, machines: Cluster) -> None:
        with machines.Pool() as pool:
            for error in (SystemExit, KeyboardInterrupt):
                with pytest.raises(error):
                    pool.apply(engine_tasks.throw, (error,))
            results = pool.map(engine_tasks.give, [1, *engine_tasks.BAD, 2], 1, return_exceptions=True)
            assert [results[0], results[-1]] == [1, 2]
            assert all(isinstance(result, Exception) for result in results[1:-1])

    def test_a_large_function_and_large_items(self, machines: Cluster) -> None:
        large = os.urandom(5_000_000)
        with machines.Pool() as pool:
            assert pool.map(lambda item: (item[:1], len(large)), [large] * 3) == [(large[:1], len(large))] * 3

    def test_a_pool_inside_a_task(self, machines: Cluster) -> None:
        """Every thread of the workers waits for a pool inside, which runs its tasks itself."""
        with machines.Pool() as pool:
            address = machines.address
            assert pool.starmap(engine_tasks.sum_on, [(address, n) for n in range(4)], 1) == [0, 0, 1, 5]

    @pytest.mark.attack
    @pytest.mark.watchdog(120)
    def test_the_example_counts_the_same(self, engine: DaskCluster, machines: Cluster) -> None:
        path = Path(__file__).parents[3] / "examples" / "cluster_census.py"
        if not path.exists() or importlib.util.find_spec("processing") is None:
            pytest.skip("needs the repository's examples, and the facade")
        counts = [
            subprocess.run([sys.executable, path, *where], capture_output=True, text=True, timeout=110, check=True)
            for where in ([], [engine.address])
        ]
        assert counts[0].stdout == counts[1].stdout and counts[0].stdout.count("\n") == 10

    @pytest.mark.attack
    @pytest.mark.watchdog(120)
    def test_processes_below_a_worker(self, machines: Cluster) -> None:
        with machines.Pool(processes_per_worker=2) as pool:
            assert pool.map(tasks.square, range(3000)) == [i * i for i in range(3000)]
            results = pool.map(engine_tasks.die_if_3, range(8), 8, return_exceptions=True)
            assert [type(result) for result in results] == [int] * 3 + [WorkerDied] + [int] * 4
            assert "die_if_3(3)" in str(results[3]) and "exited with code 5" in str(results[3])
            with pytest.raises(TaskTimeout):
                pool.apply(time.sleep, (30,), timeout=0.2)
            assert pool.apply(tasks.square, (4,)) == 16


@pytest.mark.attack
@pytest.mark.watchdog(120)
class TestFaults:
    def test_a_worker_killed_in_a_task_loses_no_item(self, fresh: DaskCluster, tmp_path: Path) -> None:
        with connected(fresh) as machines, machines.Pool() as pool, Rendezvous() as rendezvous:
            result = pool.map_async(engine_tasks.report_pid_and_wait, [rendezvous.address] * 4, 1)
            victim = rendezvous.accept().receive()
            os.kill(victim, signal.SIGKILL)
            pids = release_all(rendezvous, result)
            assert len(result.get(30)) == 4 and victim not in result.get()
            assert len(pids) >= 3
            fresh.add_worker()  # joins late, and is used
            wait_for_workers(machines, 2)
            assert wait_until(lambda: pool._processes == 2)
            both = pool.map_async(engine_tasks.report_pid_and_wait, [rendezvous.address] * 2, 1)
            assert len(release_all(rendezvous, both, together=2)) == 2
            assert len(set(both.get(30))) == 2

    def test_a_task_that_kills_its_workers_is_blamed(self, fresh: DaskCluster) -> None:
        for _ in range(3):
            fresh.add_worker()
        with connected(fresh, 5) as machines, machines.Pool() as pool:
            results = pool.map(engine_tasks.die_if_3, range(2, 5), 1, return_exceptions=True)
            assert [type(result) for result in results] == [int, WorkerDied, int]

    def test_the_scheduler_killed(self, fresh: DaskCluster) -> None:
        with connected(fresh) as machines, machines.Pool() as pool, Rendezvous() as rendezvous:
            queue = machines.Queue()
            results = [pool.apply_async(tasks.report_and_wait, (rendezvous.address,)) for _ in range(6)]
            rendezvous.accept()
            fresh.scheduler.kill()
            for result in results:
                with pytest.raises(PoolBroken, match="connection to the scheduler is lost"):
                    result.get(30)
            with pytest.raises(PoolBroken):
                pool.apply(tasks.square, (3,))
            with pytest.raises(cluster.ClusterLost):
                queue.put(1)

    def test_the_client_killed(self, fresh: DaskCluster) -> None:
        """What it had submitted is dropped, and another client is served at once."""
        with Rendezvous() as rendezvous:
            program = [sys.executable, "-c", CLIENT, fresh.address, rendezvous.address]
            client = subprocess.Popen(program)
            for _ in range(2):
                rendezvous.accept()  # both workers are busy, and 18 tasks wait
            client.kill()
            client.wait()
        # All that run are released now; one that a worker begins before the scheduler drops it finds no listener.
        with connected(fresh) as machines, machines.Pool() as pool:
            assert pool.map(tasks.square, range(20)) == [i * i for i in range(20)]

    def test_an_item_is_returned_once(self, fresh: DaskCluster, tmp_path: Path) -> None:
        """A worker is killed while results come; each item has one result, in its place."""
        with connected(fresh) as machines, machines.Pool() as pool:
            results = pool.imap(engine_tasks.slowly, range(300), 5)
            first = [results.next(30) for _ in range(20)]
            fresh.workers[0].kill()
            assert first + list(results) == list(range(300))


CLIENT = """
import sys
from processing_pool import cluster
from processing_testing.children import tasks
machines = cluster.connect(sys.argv[1], timeout=50)
machines._client.wait_for_workers(2)
machines.Pool().map(tasks.report_and_wait, [sys.argv[2]] * 20, 1)
"""


def release_all(rendezvous: Rendezvous, result: Any, together: int = 1) -> list[int]:
    """Release every task that reports until the result is there; the first ones when ``together`` have reported."""
    peers, pids = [], []
    while not result.ready():
        if not rendezvous.has_pending():
            result.wait(0.01)
            continue
        peers.append(rendezvous.accept())
        pids.append(peers[-1].receive())
        if len(pids) >= together:
            for peer in peers:
                peer.release()
    return pids


class TestConnecting:
    def test_a_scheduler_that_is_not_there(self) -> None:
        began = time.monotonic()
        with pytest.raises(processing_core.TimeoutError, match=r"no scheduler answered at tcp://127.* within 0\.3 s"):
            cluster.connect("tcp://127.0.0.1:9", timeout=0.3)
        assert time.monotonic() - began < 10

    @pytest.mark.parametrize("address", ["tcp://10.1.2.3:8786", "tcp://example.org:8786", "ray://[2001:db8::1]:10001"])
    def test_a_network_without_encryption_is_refused(self, address: str) -> None:
        with pytest.raises(ValueError, match="not encrypted"):
            cluster.connect(address)

    @pytest.mark.parametrize("address", ["127.0.0.1:8786", "http://127.0.0.1", "tcp://"])
    def test_other_addresses_are_refused(self, address: str) -> None:
        with pytest.raises(ValueError, match="must begin with one of"):
            cluster.connect(address)

    def test_tls_needs_files(self) -> None:
        with pytest.raises(ValueError, match="security="):
            cluster.connect("tls://127.0.0.1:8786")

    @pytest.mark.attack
    @pytest.mark.watchdog(120)
    def test_tls(self, tmp_path: Path) -> None:
        files = engine_tasks.certificates(tmp_path)
        with DaskCluster(1, tls=files) as engine:
            assert engine.address.startswith("tls://")
            with cluster.connect(engine.address, security=files, timeout=50) as machines, machines.Pool() as pool:
                assert pool.map(tasks.square, range(5)) == [0, 1, 4, 9, 16]

    @pytest.mark.attack
    @pytest.mark.watchdog(150)
    @pytest.mark.skipif(not shutil.which("unshare") or not shutil.which("ip"), reason="needs unshare and ip")
    def test_two_machines(self, tmp_path: Path) -> None:
        if subprocess.run(["unshare", "-rn", "ip", "link", "set", "lo", "up"], capture_output=True).returncode:
            pytest.skip("this system lets us make no network namespace")
        command = ["unshare", "-rn", sys.executable, "-m", "processing_testing.harness.two_hosts", str(tmp_path)]
        said = subprocess.run(command, capture_output=True, text=True, timeout=140, check=False)
        assert said.stdout.splitlines() == ["tls 10.9.0.2/24", "refused"], said.stderr

    def test_other_versions_are_refused_by_name(self, machines: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
        from processing_pool._backends import remote

        wire, python, _ = remote.versions()
        monkeypatch.setattr(remote, "_versions", (wire, "3.9", "0.0.7"))
        with pytest.raises(ImportError, match=rf"Python 3\.9 and processing-pool 0\.0\.7.*Python {python} and"):
            cluster.connect(machines.address)
        message = rf"Python 3\.9 .* a worker has Python {python} and"
        with machines.Pool() as pool, pytest.raises(PoolBroken, match=message):
            pool.apply(abs, (1,))
