"""What :func:`processing_pool.cluster.connect` returns, whatever the engine is."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from types import TracebackType

from processing_core import ProcessError
from processing_core.annotations import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, Unpack
from processing_pool._backends import remote
from processing_pool._backends.backend import Driver
from processing_pool._options import TaskOptions
from processing_pool._pool import Pool

if TYPE_CHECKING:
    from processing_pool._executor import ProcessPoolExecutor

__all__ = ["Cluster", "ClusterLost", "Event", "Lock", "Queue", "Semaphore", "Value", "check_versions"]

T = TypeVar("T")

ABSENT = frozenset({"Process", "Pipe", "Condition", "RLock", "Barrier", "BoundedSemaphore", "Manager", "Array"})


class ClusterLost(ProcessError, ConnectionError):
    """There is no connection to the cluster's scheduler any more."""


class Cluster:
    """Several machines that an engine has joined, shaped like a context: it makes pools and shared objects.

    Thread-safe; belongs to the process that connected. As a context manager it closes the connection at the end.
    ``docs/clusters.md`` of the source repository says how these differ from the objects of one machine.
    """

    def __init__(self, address: str) -> None:
        self.address: str = address
        """Where the scheduler is."""
        self._pools: weakref.WeakSet[Pool] = weakref.WeakSet()

    def Pool(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        *,
        processes_per_worker: int | None = None,
        **options: Unpack[TaskOptions],
    ) -> Pool:
        """A pool whose tasks run on the cluster. Blocks for as long as a question to the scheduler takes.

        A task may be run twice, because the engine repeats it if its worker is lost; each result arrives once.

        :param processes: how many tasks may run at the same time; ``None`` for as many as the workers have threads,
            also of workers that join later.
        :param initializer: what each worker process calls before this pool's first task in it.
        :param initargs: its arguments.
        :param processes_per_worker: that many processes below each worker run the tasks, 0 for one for each of its
            processors; the engine's tasks are batches then. ``None`` if the workers run the tasks themselves.
        :param options: as of a local pool.
        :raises ClusterLost: if there is no connection.
        :raises ValueError: if a number is out of its range.
        """
        if processes_per_worker is not None and processes_per_worker < 0:
            raise ValueError(f"processes_per_worker must not be negative: {processes_per_worker!r}")
        driver: Any = self._driver(processes_per_worker)
        pool = Pool(processes, initializer, initargs, backend=driver, **options)
        self._pools.add(pool)
        return pool

    def ProcessPoolExecutor(
        self,
        max_workers: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        processes_per_worker: int | None = None,
    ) -> ProcessPoolExecutor:
        """An executor over such a pool; the parameters are those of :meth:`Pool`."""
        return self.Pool(max_workers, initializer, initargs, processes_per_worker=processes_per_worker).executor()

    def Queue(self, maxsize: int = 0) -> Queue:
        """A queue that every process of the cluster can use.

        :param maxsize: items that it holds at the most; 0 for no limit.
        """
        raise self._absent("Queue")

    def Lock(self) -> Lock:
        """A lock that every process of the cluster can use; it is a lease."""
        raise self._absent("Lock")

    def Semaphore(self, value: int = 1) -> Semaphore:
        """A semaphore that every process of the cluster can use; its permits are leases."""
        raise self._absent("Semaphore")

    def Event(self) -> Event:
        """An event that every process of the cluster can use."""
        raise self._absent("Event")

    def Value(self, typecode_or_type: Any, value: Any = 0) -> Value:
        """A value that every process of the cluster can read and set.

        :param typecode_or_type: ignored: any object that can be pickled will do.
        :param value: the first value.
        """
        raise self._absent("Value")

    def close(self) -> None:
        """Terminate this object's pools and end the connection.  May be called again."""
        for pool in list(self._pools):
            pool.terminate()
        self._disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    if not TYPE_CHECKING:  # for a checker would take every name then

        def __getattr__(self, name: str) -> NoReturn:
            raise self._absent(name) if name in ABSENT else AttributeError(f"a cluster has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__name__} at {self.address}>"

    def _absent(self, name: str) -> AttributeError:
        return AttributeError(f"the engine at {self.address} has no {name}; it is for one machine alone")

    def _driver(self, processes: int | None) -> Driver:
        raise NotImplementedError

    def _disconnect(self) -> None:
        raise NotImplementedError


class Queue:
    """A first-in-first-out queue in the scheduler.  It can be sent in tasks."""

    def put(self, obj: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put an object.  Blocks while the queue is full.

        :param timeout: seconds; ``None`` waits for ever.
        :raises Full: if it was full for that long.
        :raises NotPicklableError: if the object cannot be pickled.
        :raises ClusterLost: if there is no connection.
        """
        raise NotImplementedError

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take an object.  Blocks until there is one.

        :param timeout: seconds; ``None`` waits for ever.
        :raises Empty: if there was none for that long.
        :raises ClusterLost: if there is no connection.
        """
        raise NotImplementedError

    def put_nowait(self, obj: Any) -> None:
        """``put(obj, False)``."""
        self.put(obj, False)

    def get_nowait(self) -> Any:
        """``get(False)``."""
        return self.get(False)

    def qsize(self) -> int:
        """How many objects it holds.  Blocks for one question to the scheduler."""
        raise NotImplementedError

    def empty(self) -> bool:
        """Whether it holds none."""
        return self.qsize() == 0

    def full(self) -> bool:
        """Whether a `put` would block."""
        raise NotImplementedError

    def close(self) -> None:
        """Have the scheduler drop it when no other process uses it."""
        raise NotImplementedError


class Semaphore:
    """A semaphore in the scheduler.  It can be sent in tasks.

    A permit is a lease: the scheduler takes it back when the process that has it is lost, 30 s later by default.
    """

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take a permit.  Blocks until there is one.

        :param timeout: seconds; ``None`` waits for ever.
        :return: whether it was there in time.
        :raises ClusterLost: if there is no connection.
        """
        raise NotImplementedError

    def release(self) -> None:
        """Give a permit back that was taken through this object.

        :raises NotHeldError: if none was.
        :raises ClusterLost: if there is no connection.
        """
        raise NotImplementedError

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Lock(Semaphore):
    """A lock in the scheduler: a semaphore with one permit."""


class Event:
    """An event in the scheduler.  It can be sent in tasks."""

    def is_set(self) -> bool:
        """Whether it is set.  Blocks for one question to the scheduler."""
        raise NotImplementedError

    def set(self) -> None:
        """Set it, and wake every process that waits for it."""
        raise NotImplementedError

    def clear(self) -> None:
        """Make it not set."""
        raise NotImplementedError

    def wait(self, timeout: float | None = None) -> bool:
        """Block until it is set.

        :param timeout: seconds; ``None`` waits for ever.
        :return: whether it was set in time.
        :raises ClusterLost: if there is no connection.
        """
        raise NotImplementedError


class Value:
    """A value in the scheduler.  It can be sent in tasks; to change it by what it was, hold its lock."""

    value: Any
    """The value: each reading and each assignment asks the scheduler."""

    def get_lock(self) -> Lock:
        """Its lock."""
        raise NotImplementedError


def check_versions(address: str, answers: dict[Any, Any]) -> None:
    """See that the workers have this process's versions.

    :param answers: by the worker's name what `remote.versions` returned there, or why it did not.
    :raises ImportError: if one has others, or has not this distribution.
    """
    _, python, ours = own = remote.versions()
    for worker, theirs in answers.items():
        if isinstance(theirs, BaseException):
            raise ImportError(
                f"the worker {worker} of the cluster at {address} cannot run processing-pool {ours} "
                f"(on Python {python}): {type(theirs).__name__}: {theirs}"
            )
        if tuple(theirs) != own:
            raise ImportError(
                f"this process has Python {python} and processing-pool {ours} (protocol {own[0]}), and the worker "
                f"{worker} has Python {theirs[1]} and processing-pool {theirs[2]} (protocol {theirs[0]}): "
                "both must be the same"
            )
