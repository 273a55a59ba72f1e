"""``Pool``: the methods; the work is done by its engine."""

import os
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

import processing_core
from processing_core import BaseContext
from processing_core.lowlevel import ensure_family, register_factory
from processing_pool._aliases import PoolAliases
from processing_pool._engine import RUNNING, Engine
from processing_pool._jobs import Mapping as _Mapping
from processing_pool._results import AsyncResult
from processing_pool._streams import IMapIterator, Stream

__all__ = ["Pool"]

T = TypeVar("T")
R = TypeVar("R")

Callback = Callable[[R], object] | None
ErrorCallback = Callable[[BaseException], object] | None


class Pool(PoolAliases):
    """Worker processes that run the tasks given to them.

    A worker that dies fails the task that it ran, with :exc:`WorkerDied`, and is replaced; nothing else is
    concerned.  Functions, arguments, results and exceptions are pickled, and what cannot be fails its own task;
    shared objects (locks, queues, values) may stand among them.  Making a pool blocks until its workers are born.
    Thread-safe; belongs to the process that made it.  Workers ignore SIGINT, and end with their parent.

    As a context manager it ends its workers at the end; as when it is dropped.

    :param processes: how many workers; ``None`` for as many as the CPUs that this process may use.
    :param initializer: what each worker calls first.  If it raises, the pool is broken.
    :param initargs: its arguments.
    :param maxtasksperchild: tasks after which a worker is replaced by a fresh one; ``None`` for no end.
    :param context: the context whose start method starts the workers; ``None`` for the default.
    :raises ValueError: if a number is below 1.
    :raises TypeError: if the initializer cannot be called, or a number is none.

    >>> import processing
    >>> with processing.Pool(2) as pool:  # doctest: +SKIP
    ...     pool.map(abs, [-1, 2, -3])
    [1, 2, 3]
    """

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        context: BaseContext | None = None,
    ) -> None:
        size = _usable_cpus() if processes is None else _positive(processes, "processes", "Number of processes")
        if maxtasksperchild is not None:
            _check_lifetime(maxtasksperchild)
        if initializer is not None and not callable(initializer):
            raise TypeError(f"initializer must be a callable, not {initializer!r}")
        ensure_family()
        context = context or processing_core.get_context()
        self._engine = Engine(context, size, initializer, tuple(initargs), maxtasksperchild)
        # Not at exit: the engine sees to that itself, earlier.
        weakref.finalize(self, self._engine.drop).atexit = False

    def apply(self, func: Callable[..., R], args: Iterable[Any] = (), kwds: Mapping[str, Any] | None = None) -> R:
        """Call ``func(*args, **kwds)`` in a worker.

        Blocks until it has returned; signal handlers run, and Ctrl-C interrupts the waiting.

        :return: what it returned.
        :raises BaseException: what it raised; otherwise as :meth:`AsyncResult.get`.
        """
        self._engine.check_running()
        result: AsyncResult[R] = AsyncResult(self._engine, None, (func, tuple(args), dict(kwds) if kwds else {}))
        self._engine.call(result)
        return result.get()

    def apply_async(
        self,
        func: Callable[..., R],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] | None = None,
        callback: Callback[R] = None,
        error_callback: ErrorCallback = None,
    ) -> AsyncResult[R]:
        """Begin ``func(*args, **kwds)`` in a worker.  Does not block.

        :param callback: is called with the result, in a thread of the pool's.
        :param error_callback: is called with the exception, likewise.
        :return: the result to come.
        """
        self._engine.check_running()
        task = func, tuple(args), dict(kwds) if kwds else {}
        result: AsyncResult[R] = AsyncResult(self._engine, self, task, callback, error_callback)
        self._engine.call(result)
        self._engine.in_background(result)
        return result

    def map(self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int | None = None) -> list[R]:
        """Call ``func`` with each item, in the workers.

        Blocks until all are done; signal handlers run, and Ctrl-C interrupts the waiting.

        :param chunksize: items that travel, and die, together; ``None`` adapts it to how long they take.
        :return: the results, in the order of the items.
        :raises BaseException: what the first of the items raised that failed, when all are done.
        """
        return self._map(func, iterable, False, chunksize).get()

    def map_async(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        callback: Callback[list[R]] = None,
        error_callback: ErrorCallback = None,
    ) -> AsyncResult[list[R]]:
        """Begin :meth:`map`.  Does not block, but the iterable is read to its end.

        :param callback: is called with the list, in a thread of the pool's.
        :param error_callback: is called with the exception, likewise.
        :return: the result to come.
        """
        return self._map_async(func, iterable, False, chunksize, callback, error_callback)

    def starmap(
        self, func: Callable[..., R], iterable: Iterable[Iterable[Any]], chunksize: int | None = None
    ) -> list[R]:
        """As :meth:`map`, but each item holds the arguments of one call."""
        return self._map(func, iterable, True, chunksize).get()

    def starmap_async(
        self,
        func: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        callback: Callback[list[R]] = None,
        error_callback: ErrorCallback = None,
    ) -> AsyncResult[list[R]]:
        """As :meth:`map_async`, but each item holds the arguments of one call."""
        return self._map_async(func, iterable, True, chunksize, callback, error_callback)

    def imap(self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int = 1) -> IMapIterator[R]:
        """Call ``func`` with each item, in the workers, and iterate over the results in the order of the items.

        Does not block.  Items are pulled by a thread, no more than a window ahead of the iteration: the iterable
        may be endless.

        :param chunksize: items that travel, and die, together.
        :return: the iterator; an item that failed raises in its turn.
        """
        return self._imap(func, iterable, chunksize, True)

    def imap_unordered(self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int = 1) -> IMapIterator[R]:
        """As :meth:`imap`, but the results come as they are done."""
        return self._imap(func, iterable, chunksize, False)

    def close(self) -> None:
        """Take no more tasks; the workers end when all are done.  Does not block."""
        self._engine.close()

    def terminate(self) -> None:
        """End the workers at once, and fail what is not done.  Blocks for half a second at most, or little more."""
        self._engine.terminate()

    def join(self) -> None:
        """Wait until the workers have ended, of a pool that was closed or terminated.  Blocks.

        :raises ValueError: if it still runs.
        """
        if self._engine.state == RUNNING and self._engine.broken is None:
            raise ValueError("Pool is still running")
        self._engine.join()

    def __enter__(self) -> Self:
        self._engine.check_running()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.terminate()

    def __reduce__(self) -> NoReturn:
        raise NotImplementedError("pool objects cannot be passed between processes or pickled")

    def __repr__(self) -> str:
        cls, engine = type(self), self._engine
        return f"<{cls.__module__}.{cls.__qualname__} state={engine.state} pool_size={engine.size}>"

    def _map(
        self,
        func: Callable[..., R],
        iterable: Iterable[Any],
        star: bool,
        chunksize: int | None,
        result: AsyncResult[list[R]] | None = None,
    ) -> AsyncResult[list[R]]:
        self._engine.check_running()
        if chunksize is not None:
            _positive(chunksize, "chunksize", "Chunksize")
        items = iterable if isinstance(iterable, Sequence) else list(iterable)
        if result is None:
            result = AsyncResult(self._engine, None, None)
        job = _Mapping(self._engine, result, func, items, star, chunksize)
        self._engine.enter(job, job.advance)
        return result

    def _map_async(
        self,
        func: Callable[..., R],
        iterable: Iterable[Any],
        star: bool,
        chunksize: int | None,
        callback: Callback[list[R]],
        error_callback: ErrorCallback,
    ) -> AsyncResult[list[R]]:
        result: AsyncResult[list[R]] = AsyncResult(self._engine, self, None, callback, error_callback)
        self._map(func, iterable, star, chunksize, result)
        self._engine.in_background(result)
        return result

    def _imap(self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int, ordered: bool) -> IMapIterator[R]:
        self._engine.check_running()
        _positive(chunksize, "chunksize", "Chunksize")
        stream = Stream(self._engine, func, iterable, chunksize, ordered)
        self._engine.enter(stream, stream.start)
        return IMapIterator(self._engine, self, stream)


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _positive(number: int, name: str, shown: str) -> int:
    if not isinstance(number, int):
        raise TypeError(f"{name} must be an integer, not {number!r}")
    if number < 1:
        raise ValueError(f"{shown} must be at least 1, not {number}")
    return number


def _check_lifetime(tasks: object) -> None:
    if not isinstance(tasks, int) or tasks < 1:
        raise ValueError(f"maxtasksperchild must be a positive int or None, not {tasks!r}")


register_factory("Pool", Pool, takes_context=True)
