"""A Dask cluster, and the objects that its scheduler keeps."""

from __future__ import annotations

import builtins
import socket
import time
import uuid
from collections.abc import Callable
from queue import Empty, Full

import distributed
from distributed.comm import CommClosedError, get_address_host_port

from processing_core import NotHeldError, TimeoutError
from processing_core.annotations import Any, TypeVar
from processing_core.lowlevel import ThreadRLock, loads
from processing_pool._backends import cluster, remote, shipping
from processing_pool._backends.cluster import Cluster, ClusterLost, check_versions
from processing_pool._backends.dask import DaskDriver

__all__ = ["DaskCluster", "connect"]

R = TypeVar("R")

LARGEST_MESSAGE = 256 << 10
"""Bytes of an object that the scheduler keeps itself; of larger ones a worker does."""
MOMENT = 0.02
"""Seconds that a call which should not block waits for: with none, the engine would not even look."""


def connect(address: str, security: Any, timeout: float) -> DaskCluster:
    """As :func:`processing_pool.cluster.connect`."""
    if isinstance(security, dict):
        security = _security(security)
    deadline = time.monotonic() + timeout
    try:
        _await_listener(address, deadline)
        left = max(0.1, deadline - time.monotonic())
        client = distributed.Client(address, security=security, timeout=left, set_as_default=False)
    except OSError as error:
        raise TimeoutError(f"no scheduler answered at {address} within {timeout:g} s: {error}") from error
    try:
        return DaskCluster(client)
    except BaseException:
        client.close()
        raise


def _await_listener(address: str, deadline: float) -> None:
    """Wait until there is a listener: a connection of the engine's that fails leaves its thread behind.

    :raises OSError: if there is none in time.
    """
    host, port = get_address_host_port(address)
    while True:
        try:
            socket.create_connection((host, port), max(0.1, deadline - time.monotonic())).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.05)  # the scheduler may be starting: nothing tells when it listens


def _security(files: dict[str, str]) -> Any:
    """The engine's description of our certificates: ``ca``, ``cert`` and ``key`` name files."""
    return distributed.Security(
        require_encryption=True,
        tls_ca_file=files["ca"],
        tls_client_cert=files["cert"],
        tls_client_key=files.get("key", files["cert"]),
    )


class _Connections:
    """The connections of this process, by the scheduler's address."""

    def __init__(self) -> None:
        self._guard = ThreadRLock()  # guards _clients
        self._clients: dict[str, Any] = {}

    def add(self, address: str, client: Any) -> None:
        """Have one that objects may use."""
        with self._guard:
            self._clients[address] = client

    def remove(self, address: str, client: Any) -> None:
        """Have it no longer."""
        with self._guard:
            if self._clients.get(address) is client:
                del self._clients[address]

    def to(self, address: str) -> Any:
        """The one to this scheduler; in a worker that has none, the worker's own, and below a worker a new one."""
        with self._guard:
            client = self._clients.get(address)
            if client is None or client.status == "closed":
                try:
                    client = distributed.get_client(timeout=10)
                except ValueError:
                    client = distributed.Client(address, timeout=10, set_as_default=False)
                self._clients[address] = client
            return client


_connections = _Connections()


class DaskCluster(Cluster):
    """A cluster of Dask's.

    :raises ImportError: if its workers have other versions than this process.
    """

    def __init__(self, client: Any) -> None:
        super().__init__(client.scheduler.address)
        self._client = client
        check_versions(self.address, client.run(remote.versions, on_error="return"))
        _connections.add(self.address, client)

    def Queue(self, maxsize: int = 0) -> Queue:
        return Queue(self.address, _name(), maxsize)

    def Lock(self) -> Lock:
        return Lock(self.address, _name(), 1)

    def Semaphore(self, value: int = 1) -> Semaphore:
        if value < 1:
            raise ValueError(f"the value must be at least 1, not {value!r}")
        return Semaphore(self.address, _name(), value)

    def Event(self) -> Event:
        return Event(self.address, _name())

    def Value(self, typecode_or_type: Any, value: Any = 0) -> Value:
        shared = Value(self.address, _name())
        shared.value = value
        return shared

    def _driver(self, processes: int | None) -> DaskDriver:
        return _tried(lambda: DaskDriver(self._client, processes), self._client, self.address)

    def _disconnect(self) -> None:
        _connections.remove(self.address, self._client)
        self._client.close()


def _name() -> str:
    return f"processing-{uuid.uuid4().hex}"


def _tried(call: Callable[[], R], client: Any, address: str) -> R:
    if client.status != "running":
        raise ClusterLost(f"there is no connection to {address}")
    try:
        return call()
    except (CommClosedError, OSError) as error:
        if isinstance(error, builtins.TimeoutError):
            raise
        raise ClusterLost(f"the connection to {address} is lost: {error}") from error


class _Shared:
    """An object of the scheduler's, by its name."""

    def __init__(self, address: str, name: str, *arguments: Any) -> None:
        self._address = address
        self._name = name
        self._arguments = arguments
        self._client = _connections.to(address)
        self._of_engine = _tried(self._make, self._client, address)

    def _make(self) -> Any:
        raise NotImplementedError

    def _do(self, call: Callable[[], R]) -> R:
        return _tried(call, self._client, self._address)

    def _packed(self, obj: Any) -> Any:
        data = shipping.dumps(obj)
        return data if len(data) <= LARGEST_MESSAGE else self._client.scatter([data], hash=False)[0]

    def _unpacked(self, data: Any) -> Any:
        return loads(data.result() if isinstance(data, distributed.Future) else data)

    def __reduce__(self) -> Any:
        return type(self), (self._address, self._name, *self._arguments)


class Queue(_Shared, cluster.Queue):
    """As `cluster.Queue`."""

    def _make(self) -> Any:
        return distributed.Queue(self._name, self._client, self._arguments[0])

    def put(self, obj: Any, block: bool = True, timeout: float | None = None) -> None:
        data = self._packed(obj)
        try:
            self._do(lambda: self._of_engine.put(data, _seconds(block, timeout)))
        except builtins.TimeoutError:
            raise Full from None

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        try:
            data = self._do(lambda: self._of_engine.get(_seconds(block, timeout)))
        except builtins.TimeoutError:
            raise Empty from None
        return self._unpacked(data)

    def qsize(self) -> int:
        size: int = self._do(self._of_engine.qsize)
        return size

    def full(self) -> bool:
        return bool(0 < self._arguments[0] <= self.qsize())

    def close(self) -> None:
        self._do(self._of_engine.close)


def _seconds(block: bool, timeout: float | None) -> float | None:
    return MOMENT if not block else None if timeout is None else max(timeout, MOMENT)


class Semaphore(_Shared, cluster.Semaphore):
    """As `cluster.Semaphore`."""

    def _make(self) -> Any:
        return distributed.Semaphore(self._arguments[0], self._name, self._client.scheduler, self._client.loop)

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        return bool(self._do(lambda: self._of_engine.acquire(timeout if block else 0)))

    def release(self) -> None:
        try:
            self._do(self._of_engine.release)
        except RuntimeError as error:
            raise NotHeldError(str(error)) from None


class Lock(Semaphore, cluster.Lock):
    """As `cluster.Lock`."""


class Event(_Shared, cluster.Event):
    """As `cluster.Event`."""

    def _make(self) -> Any:
        return distributed.Event(self._name, self._client)

    def is_set(self) -> bool:
        return bool(self._do(self._of_engine.is_set))

    def set(self) -> None:
        self._do(self._of_engine.set)

    def clear(self) -> None:
        self._do(self._of_engine.clear)

    def wait(self, timeout: float | None = None) -> bool:
        return bool(self._do(lambda: self._of_engine.wait(timeout)))


class Value(_Shared, cluster.Value):
    """As `cluster.Value`."""

    def _make(self) -> Any:
        return distributed.Variable(self._name, self._client)

    @property
    def value(self) -> Any:
        return self._unpacked(self._do(self._of_engine.get))

    @value.setter
    def value(self, value: Any) -> None:
        self._do(lambda: self._of_engine.set(self._packed(value)))

    def get_lock(self) -> Lock:
        return Lock(self._address, f"{self._name}-lock", 1)
