"""``Pool``: the methods; the work is done by its engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType

import processing_core
from processing_core import BaseContext
from processing_core.annotations import (
    TYPE_CHECKING,
    Any,
    Literal,
    NoReturn,
    ParamSpec,
    Self,
    TypeVar,
    Unpack,
    overload,
)
from processing_core.lowlevel import checked_timeout, ensure_family, register_factory
from processing_pool._aliases import PoolAliases
from processing_pool._engine import RUNNING, Engine
from processing_pool._jobs import Mapping as _Mapping
from processing_pool._options import Options, TaskOptions
from processing_pool._results import AsyncResult
from processing_pool._streams import IMapIterator, Stream

if TYPE_CHECKING:
    from processing_pool._executor import Future, ProcessPoolExecutor

__all__ = ["Pool"]

T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")

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
    :param max_memory: resident bytes that a worker may have of its own; the task is failed that is found with more,
        with :exc:`MemoryExceeded`.
    :param on_exit: what each worker calls last, if it ends of itself: the pool was closed, or ``maxtasksperchild``
        reached.
    :param options: ``timeout``, ``retries`` and ``backoff`` of tasks for which nothing else is said:
        :class:`TaskOptions`.
    :raises ValueError: if a number is below 1, or negative where 0 is allowed.
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
        *,
        max_memory: int | None = None,
        on_exit: Callable[[], object] | None = None,
        **options: Unpack[TaskOptions],
    ) -> None:
        size = _usable_cpus() if processes is None else _positive(processes, "processes", "Number of processes")
        if maxtasksperchild is not None:
            _check_lifetime(maxtasksperchild)
        if max_memory is not None:
            _positive(max_memory, "max_memory", "max_memory")
        for name, function in (("initializer", initializer), ("on_exit", on_exit)):
            if function is not None and not callable(function):
                raise TypeError(f"{name} must be a callable, not {function!r}")
        self._options = Options().updated(options)
        ensure_family()
        context = context or processing_core.get_context()
        self._engine = Engine(context, size, initializer, tuple(initargs), maxtasksperchild, max_memory, on_exit)
        self._engine.end_with(self)

    def apply(
        self,
        func: Callable[..., R],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] | None = None,
        **options: Unpack[TaskOptions],
    ) -> R:
        """Call ``func(*args, **kwds)`` in a worker.

        Blocks until it has returned; signal handlers run, and Ctrl-C interrupts the waiting.

        :param options: as :class:`TaskOptions`.
        :return: what it returned.
        :raises BaseException: what it raised; otherwise as :meth:`AsyncResult.get`.
        """
        self._engine.check_running()
        task = func, tuple(args), dict(kwds) if kwds else {}
        result: AsyncResult[R] = AsyncResult(self._engine, None, task, self._options.updated(options))
        self._engine.call(result)
        try:
            return result.get()
        finally:
            del result  # lest it, and the traceback with this frame, keep each other

    def apply_async(
        self,
        func: Callable[..., R],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] | None = None,
        callback: Callback[R] = None,
        error_callback: ErrorCallback = None,
        **options: Unpack[TaskOptions],
    ) -> AsyncResult[R]:
        """Begin ``func(*args, **kwds)`` in a worker.  Does not block.

        :param callback: is called with the result, in a thread of the pool's.
        :param error_callback: is called with the exception, likewise.
        :param options: as :class:`TaskOptions`.
        :return: the result to come.
        """
        self._engine.check_running()
        task = func, tuple(args), dict(kwds) if kwds else {}
        chosen = self._options.updated(options)
        result: AsyncResult[R] = AsyncResult(self._engine, self, task, chosen, callback, error_callback)
        self._engine.call(result)
        self._engine.in_background(result)
        return result

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Begin ``fn(*args, **kwargs)`` in a worker.  Does not block.

        :return: a :class:`concurrent.futures.Future`, whose ``cancel`` also stops what runs.
        """
        from processing_pool._executor import submitted

        self._engine.check_running()
        return submitted(self._engine, self, self._options, fn, args, kwargs)

    def executor(self) -> ProcessPoolExecutor:
        """A :class:`concurrent.futures.Executor` over this pool's workers.  Does not block.

        Its ``shutdown`` closes the pool.
        """
        from processing_pool._executor import ProcessPoolExecutor

        return ProcessPoolExecutor._over(self)

    @overload
    def map(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        *,
        return_exceptions: Literal[False] = False,
        **options: Unpack[TaskOptions],
    ) -> list[R]: ...
    @overload
    def map(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        *,
        return_exceptions: bool,
        **options: Unpack[TaskOptions],
    ) -> list[R | BaseException]: ...
    def map(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        *,
        return_exceptions: bool = False,
        **options: Unpack[TaskOptions],
    ) -> Any:
        """Call ``func`` with each item, in the workers.

        Blocks until all are done; signal handlers run, and Ctrl-C interrupts the waiting.

        :param chunksize: items that travel together; ``None`` adapts it to how long they take.  If a worker dies, only
            the item fails that it ran.
        :param return_exceptions: whether an item's exception stands among the results, rather than being raised.
        :param options: as :class:`TaskOptions`, for each item.
        :return: the results, in the order of the items.
        :raises BaseException: what the first of the items raised that failed, when all are done; a note on it says
            which it is.
        """
        return self._map(func, iterable, False, chunksize, self._options.updated(options, return_exceptions)).get()

    def map_async(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        callback: Callback[list[R]] = None,
        error_callback: ErrorCallback = None,
        *,
        return_exceptions: bool = False,
        **options: Unpack[TaskOptions],
    ) -> AsyncResult[list[R]]:
        """Begin :meth:`map`.  Does not block, but the iterable is read to its end.

        :param callback: is called with the list, in a thread of the pool's.
        :param error_callback: is called with the exception, likewise.
        :return: the result to come.
        """
        chosen = self._options.updated(options, return_exceptions)
        return self._map_async(func, iterable, False, chunksize, callback, error_callback, chosen)

    @overload
    def starmap(
        self,
        func: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        *,
        return_exceptions: Literal[False] = False,
        **options: Unpack[TaskOptions],
    ) -> list[R]: ...
    @overload
    def starmap(
        self,
        func: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        *,
        return_exceptions: bool,
        **options: Unpack[TaskOptions],
    ) -> list[R | BaseException]: ...
    def starmap(
        self,
        func: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        *,
        return_exceptions: bool = False,
        **options: Unpack[TaskOptions],
    ) -> Any:
        """As :meth:`map`, but each item holds the arguments of one call."""
        return self._map(func, iterable, True, chunksize, self._options.updated(options, return_exceptions)).get()

    def starmap_async(
        self,
        func: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        callback: Callback[list[R]] = None,
        error_callback: ErrorCallback = None,
        *,
        return_exceptions: bool = False,
        **options: Unpack[TaskOptions],
    ) -> AsyncResult[list[R]]:
        """As :meth:`map_async`, but each item holds the arguments of one call."""
        chosen = self._options.updated(options, return_exceptions)
        return self._map_async(func, iterable, True, chunksize, callback, error_callback, chosen)

    def imap(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int = 1,
        *,
        buffersize: int | None = None,
        **options: Unpack[TaskOptions],
    ) -> IMapIterator[R]:
        """Call ``func`` with each item, in the workers, and iterate over the results in the order of the items.

        Does not block.  Items are pulled by a thread, no more than a window ahead of the iteration: the iterable
        may be endless.  When the iterator is dropped or closed, nothing more is pulled, and what is queued not begun.

        :param chunksize: items that travel together.
        :param buffersize: items that may be pulled and not yet given as results; ``None`` adapts it to how long they
            take.
        :param options: as :class:`TaskOptions`, for each item.
        :return: the iterator; an item that failed raises in its turn.
        """
        return self._imap(func, iterable, chunksize, True, buffersize, self._options.updated(options))

    def imap_unordered(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int = 1,
        *,
        buffersize: int | None = None,
        **options: Unpack[TaskOptions],
    ) -> IMapIterator[R]:
        """As :meth:`imap`, but the results come as they are done."""
        return self._imap(func, iterable, chunksize, False, buffersize, self._options.updated(options))

    def close(self) -> None:
        """Take no more tasks; the workers end when all are done.  Does not block."""
        self._engine.close()

    def terminate(self) -> None:
        """End the workers at once, and fail what is not done.  Blocks for half a second at most, or little more."""
        self._engine.terminate()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the workers have ended, of a pool that was closed or terminated.  Blocks.

        :param timeout: seconds; ``None`` waits for ever.
        :return: whether they have ended.
        :raises ValueError: if it still runs.
        """
        if self._engine.state == RUNNING and self._engine.broken is None:
            raise ValueError("Pool is still running")
        return self._engine.join(checked_timeout(timeout))

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
        options: Options,
        result: AsyncResult[list[R]] | None = None,
    ) -> AsyncResult[list[R]]:
        self._engine.check_running()
        if chunksize is not None:
            _positive(chunksize, "chunksize", "Chunksize")
        items = iterable if isinstance(iterable, Sequence) else list(iterable)
        if result is None:
            result = AsyncResult(self._engine, None, None, options)
        job = _Mapping(self._engine, result, func, items, star, chunksize, options)
        result.job = job
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
        options: Options,
    ) -> AsyncResult[list[R]]:
        result: AsyncResult[list[R]] = AsyncResult(self._engine, self, None, options, callback, error_callback)
        self._map(func, iterable, star, chunksize, options, result)
        self._engine.in_background(result)
        return result

    def _imap(
        self,
        func: Callable[..., R],
        iterable: Iterable[Any],
        chunksize: int,
        ordered: bool,
        buffersize: int | None,
        options: Options,
        star: bool = False,
    ) -> IMapIterator[R]:
        self._engine.check_running()
        _positive(chunksize, "chunksize", "Chunksize")
        if buffersize is not None:
            _positive(buffersize, "buffersize", "buffersize")
        stream = Stream(self._engine, func, iterable, chunksize, ordered, star, buffersize, options)
        self._engine.enter(stream, stream.start)
        return IMapIterator(self._engine, self, stream)


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


def _usable_cpus() -> int:
    from processing_pool._cpus import usable_cpus  # here, for it imports pathlib, which takes 6 ms

    return usable_cpus()
