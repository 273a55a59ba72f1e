"""A pool on Dask, beside Dask's own calls: what the pool adds to tasks of 20 ms, and what it saves for short ones."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter, sleep
from typing import Any

from benchmarks.comparison import Peer, Row


def nap(number: int) -> int:
    sleep(0.02)
    return number


def identity(number: int) -> int:
    return number


@contextmanager
def engine() -> Iterator[Any]:
    """A client of a scheduler with two workers of one thread each, which are warm."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.gather(client.map(identity, range(20), pure=False))
        yield client


def timed(use: Callable[[Any, int], object], n: int) -> float:
    with engine() as client:
        start = perf_counter()
        use(client, n)
        return perf_counter() - start


def on_pool(use: Callable[[Any, int], object], n: int) -> float:
    from processing import cluster

    with engine() as client, cluster.connect(client.scheduler.address) as machines, machines.Pool() as pool:
        pool.map(identity, range(20))
        start = perf_counter()
        use(pool, n)
        return perf_counter() - start


def calls(pool: Any, n: int) -> None:
    results = [pool.apply_async(nap, (i,)) for i in range(n)]
    for result in results:
        result.get()


def submitted(client: Any, n: int) -> None:
    client.gather([client.submit(nap, i, pure=False) for i in range(n)])


def mapped(client: Any, n: int) -> None:
    client.gather(client.map(identity, range(n), pure=False))


ROWS = (
    []
    if importlib.util.find_spec("distributed") is None
    else [
        Row(
            "dask_tasks",
            "tasks of 20 ms on 2 Dask workers",
            "task",
            lambda n: on_pool(calls, n),
            (Peer("Client.submit", lambda n: timed(submitted, n), floor=0.87),),
            first=100,
        ),
        Row(
            "dask_map",
            "map of small items on 2 Dask workers",
            "item",
            lambda n: on_pool(lambda pool, n: pool.map(identity, range(n)), n),
            (Peer("Client.map", lambda n: timed(mapped, n), floor=10),),
            first=2000,
        ),
    ]
)
