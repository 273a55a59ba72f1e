"""A Ray cluster as what runs a pool's tasks, and its queue."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from queue import Empty, Full

import grpc  # by which Ray's client speaks
import ray
import ray.exceptions
import ray.util.queue

from processing_core import TimeoutError
from processing_core.annotations import Any, TypeVar
from processing_core.lowlevel import DaemonThread, loads
from processing_pool._backends import cluster, remote, shipping
from processing_pool._backends.backend import Driver
from processing_pool._backends.cluster import Cluster, ClusterLost, check_versions
from processing_pool._errors import PoolBroken, WorkerDied
from processing_pool._messages import Death, Failure, failure_of

__all__ = ["RayCluster", "connect"]

R = TypeVar("R")

LOOK = 1.0
"""Seconds between two questions about the workers."""
LOST = (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.ObjectLostError)
"""What a lost worker, or its node, costs its task."""


def connect(address: str, security: Any, timeout: float) -> RayCluster:
    """As :func:`processing_pool.cluster.connect`."""
    if security is not None:
        raise ValueError("Ray takes its certificates from the environment (RAY_USE_TLS), not from security=")
    try:
        ray.init(address, logging_level="error", log_to_driver=False)
    except (ConnectionError, OSError) as error:
        raise TimeoutError(f"no scheduler answered at {address} within {timeout:g} s: {error}") from error
    return RayCluster(address)


def _run(bundle: bytes, *parts: remote.Part) -> bytes:
    return remote.run(bundle, parts)


class _Task(Future[bytes]):
    """What a task will return.  Ray's own futures must not be cancelled: a later result would end Ray's thread."""

    def __init__(self, reference: Any) -> None:
        super().__init__()
        self.reference = reference
        reference.future().add_done_callback(self._end)

    def _end(self, of_engine: Future[bytes]) -> None:
        if not self.set_running_or_notify_cancel():
            return
        error = of_engine.exception()
        if error is None:
            self.set_result(of_engine.result())
        else:
            self.set_exception(error)


def _cancel(references: list[Any]) -> None:
    """Have tasks not begun, or interrupted.  No outcome of them is wanted, nor is an error of this."""
    with suppress(Exception):
        for reference in references:
            ray.cancel(reference)


class RayDriver(Driver):
    """How a pool uses a Ray cluster. Its processors are its workers.

    :param processes: as `Setup`.
    """

    target_time = 0.05
    stores = True

    def __init__(self, processes: int | None) -> None:
        self.processes = processes
        # Not tried again by the engine: what is repeated is the pool's choice.
        self._function: Any = ray.remote(max_retries=0)(_run)
        self._known = 0
        self._looked = -LOOK

    @property
    def workers(self) -> int:
        """How many processors the cluster has, as it was a second ago. Blocks for a question to the scheduler."""
        if time.monotonic() - self._looked > LOOK:
            self._known = int(ray.cluster_resources().get("CPU", 0))
            self._looked = time.monotonic()
        return self._known

    def submit_many(self, bundles: Sequence[tuple[bytes, list[Any]]], tickets: Sequence[str]) -> list[Any]:
        """Submit bundles."""
        return _answered(lambda: [_Task(self._function.remote(bundle, *stored)) for bundle, stored in bundles])

    def give_up(self, futures: Sequence[_Task]) -> None:
        """As `Driver.give_up`."""
        given_up = [future.reference for future in futures if future.cancel()]
        if given_up:
            DaemonThread(_cancel, (given_up,), name="processing cancels on Ray").start()

    def store(self, part: remote.Part) -> Any:
        """Put a part into the store."""
        return _answered(lambda: ray.put(part))

    def judge(self, error: BaseException) -> Death | Failure | BaseException:
        """As `Driver.judge`."""
        if isinstance(error, LOST):
            return failure_of(WorkerDied(f"the engine's worker died that ran it: {error}"))
        if _is_disconnected(error):
            return PoolBroken(f"the connection to the cluster is lost: {error}")
        return super().judge(error)

    def is_lost(self, error: BaseException) -> bool:
        """Whether a worker died."""
        return isinstance(error, LOST)

    def end(self, pool: str) -> None:
        """Do nothing: workers forget pools by themselves."""


class RayCluster(Cluster):
    """A cluster of Ray's.

    :raises ImportError: if its workers have other versions than this process.
    """

    def __init__(self, address: str) -> None:
        super().__init__(address)
        try:
            answer: Any = _answered(lambda: ray.get(ray.remote(remote.versions).remote()))
        except Exception as error:
            answer = error
        check_versions(address, {"that was asked": answer})

    def Queue(self, maxsize: int = 0) -> Queue:
        return Queue(_tried(lambda: ray.util.queue.Queue(maxsize)))

    def _driver(self, processes: int | None) -> RayDriver:
        return RayDriver(processes)

    def _disconnect(self) -> None:
        ray.shutdown()


class Queue(cluster.Queue):
    """As `cluster.Queue`; an actor has the objects."""

    def __init__(self, of_engine: Any) -> None:
        self._of_engine = of_engine

    def put(self, obj: Any, block: bool = True, timeout: float | None = None) -> None:
        data = shipping.dumps(obj)
        try:
            _tried(lambda: self._of_engine.put(data, block, timeout))
        except ray.util.queue.Full:
            raise Full from None

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        try:
            data: bytes = _tried(lambda: self._of_engine.get(block, timeout))
        except ray.util.queue.Empty:
            raise Empty from None
        return loads(data)

    def qsize(self) -> int:
        size: int = _tried(self._of_engine.qsize)
        return size

    def full(self) -> bool:
        return bool(_tried(self._of_engine.full))

    def close(self) -> None:
        _tried(self._of_engine.shutdown)


def _tried(call: Callable[[], R]) -> R:
    try:
        return _answered(call)
    except Exception as error:
        if _is_disconnected(error) or isinstance(error, ray.exceptions.RayActorError):
            raise ClusterLost(f"the cluster's queue is lost: {error}") from error
        raise


def _answered(call: Callable[[], R]) -> R:
    """What a call of Ray's client returns or raises.

    It is made by a thread of its own, for it may wait for ever for a head node that is lost.  Questions of another kind
    raise then, so one is asked from time to time.
    """
    answer: Future[R] = Future()

    def make() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:
            answer.set_exception(error)

    DaemonThread(make, name="processing call of Ray").start()
    while not wait([answer], LOOK).done:
        ray.cluster_resources()
    return answer.result()


def _is_disconnected(error: BaseException) -> bool:
    """Whether the head node is lost."""
    if isinstance(error, ValueError):  # grpc's, while Ray's client tries to connect again
        return "closed channel" in str(error)
    return isinstance(error, (ConnectionError, grpc.RpcError)) or not ray.is_initialized()
