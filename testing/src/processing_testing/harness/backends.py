"""What runs the tasks of a pool in the contract's tests, beside our processes and the tests' own channel."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from processing_pool import Pool, ProcessPoolExecutor, cluster

Make = Callable[[int], Pool]

EXECUTORS: dict[str, Callable[[int], Executor]] = {
    "executor of threads": lambda size: ThreadPoolExecutor(size, "processing pool's worker"),
    "executor of processes": ProcessPoolExecutor,
}
NAMES = [*EXECUTORS, "dask"]


def why_not(name: str) -> str | None:
    """Why it cannot be tested here; ``None`` if it can."""
    missing = name == "dask" and importlib.util.find_spec("distributed") is None
    return "distributed is not installed" if missing else None


def wait_until(is_so: Callable[[], bool], seconds: float = 20) -> bool:
    """Poll for what comes with the next look at a cluster; there is no event for it.

    :return: whether it came.
    """
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.01)
    return is_so()


@contextmanager
def maker(name: str) -> Iterator[Make]:
    """What makes pools of a number of workers. The pools must have ended at the end of the ``with`` block."""
    with ExitStack() as stack:
        if name == "dask":
            from processing_testing.harness.dask_cluster import DaskCluster

            engine = stack.enter_context(DaskCluster())
            machines = stack.enter_context(cluster.connect(engine.address, timeout=50))
            client: Any = machines._client  # type: ignore[attr-defined]
            client.wait_for_workers(2, timeout=50)
            yield machines.Pool
        else:
            yield lambda size: Pool(size, backend=stack.enter_context(EXECUTORS[name](size)))
