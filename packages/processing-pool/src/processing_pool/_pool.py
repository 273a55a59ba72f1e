"""``Pool``: the methods; the work is done by its engine."""

from __future__ import annotations

import warnings
from abc import ABCMeta
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from types import TracebackType

from processing_core.annotations import (
    TYPE_CHECKING,
    Any,
    Literal,
    ParamSpec,
    Self,
    TypeVar,
    Unpack,
    overload,
)
from processing_core.lowlevel import register_factory
from processing_pool._aliases import PoolAliases
from processing_pool._base_pool import BasePool
from processing_pool._jobs.result import AsyncResult
from processing_pool._options import Options, TaskOptions

if TYPE_CHECKING:
    from processing_pool._engine.engine import Engine
    from processing_pool._executor import ProcessPoolExecutor
    from processing_pool._jobs.imap_iterator import IMapIterator
    from processing_pool._task_group import TaskGroup

__all__ = ["Pool"]

T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")

Callback = Callable[[R], object] | None
ErrorCallback = Callable[[BaseException], object] | None


class Pool(BasePool, PoolAliases, metaclass=ABCMeta):  # pools of threads are registered
    """Worker processes that run the tasks given to them.

    When a worker dies, the task that it ran fails with :exc:`WorkerDied`, the worker is replaced, and no other task is
    affected.  Functions, arguments, results and exceptions are pickled; an object that cannot be pickled fails only its
    own task.  Shared objects (locks, queues, values) may be among them.  Making a pool blocks until its workers have
    been started.  A pool is thread-safe and belongs to the process that made it.  Workers ignore SIGINT, and end with
    their parent.

    As a context manager it ends its workers at the end.  So does dropping it, with a :exc:`ResourceWarning`.

    :param processes: how many workers; ``None`` for as many as the CPUs that this process may use.
    :param initializer: what each worker calls first.  If it raises, the pool is broken.
    :param initargs: its arguments.
    :param maxtasksperchild: tasks after which a worker is replaced by a fresh one; ``None`` for no end.
    :param context: the context whose start method starts the workers; ``None`` for the default.
    :param max_memory: resident bytes that a worker may have of its own; a task that is found with more fails with
        :exc:`MemoryExceeded`.
    :param idle_timeout: seconds without a task after which a worker ends, perhaps the last one; workers are started
        again when there are tasks. ``None`` for never.
    :param on_exit: what each worker calls last, if it ends by itself: the pool was closed or made smaller, or
        ``maxtasksperchild`` or ``idle_timeout`` was reached.
    :param threads_per_worker: how many threads numerical libraries (BLAS, OpenMP) may use in each worker. By default
        the workers share the processors, unless the environment has a number (``OMP_NUM_THREADS`` and its like);
        ``None`` leaves that to the libraries. Of libraries that are loaded before the worker's first task, only
        :mod:`threadpoolctl` can change the number, if it is installed.
    :param environment: variables that each worker's ``os.environ`` gets before the initializer, or a function that is
        called with the worker's number, in the worker, and gives them: ``CUDA_VISIBLE_DEVICES``, for instance.
    :param directory: the working directory of the workers; ``None`` for the one of this process.
    :param affinity: the processors that each worker may run on, or a function that is called likewise.
    :param forward_logs: whether the workers' log records, warnings and lines of a crash are handled by this process's
        loggers; ``None`` for what :func:`processing.forward_logs` says.
    :param prefix_output: whether each line that a worker writes to ``sys.stdout`` or ``sys.stderr`` begins with the
        worker's name, and comes whole.
    :param backend: what runs the tasks instead of worker processes of this pool: an executor of
        :mod:`concurrent.futures`, or an object with ``submit``, ``workers`` and ``close``
        (:class:`processing_pool.backends.Backend`). ``processes`` is then how many tasks it is to run at the same time,
        and of the other parameters those that are for processes cannot be given.
    :param options: ``timeout``, ``retries``, ``backoff`` and ``priority`` of the tasks whose call does not give them:
        :class:`TaskOptions`.
    :raises ValueError: if a number is below 1, or negative where 0 is allowed, or a time is not positive.
    :raises TypeError: if the initializer cannot be called, or a number is not one.

    >>> import processing
    >>> with processing.Pool(2) as pool:  # doctest: +SKIP
    ...     pool.map(abs, [-1, 2, -3])
    [1, 2, 3]
    """

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
        :return: the function's result.
        :raises BaseException: what the function raised; otherwise as :meth:`AsyncResult.get`.
        """
        result: AsyncResult[R]
        if type(self).apply_async is Pool.apply_async:
            self._engine.check_running()
            task = func, tuple(args), dict(kwds) if kwds else {}
            chosen = self._options.updated(options) if options else self._options
            result = AsyncResult(self._engine, None, task, chosen)
            self._engine.call(result)
        else:
            result = self.apply_async(func, args, {} if kwds is None else kwds, **options)  # as `multiprocessing` does
        try:
            return _awaited(result)
        finally:
            del result  # so that it, and the traceback with this frame, do not keep each other

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
        :param error_callback: is called with the exception, in the same way.
        :param options: as :class:`TaskOptions`.
        :return: the result to come.
        """
        self._engine.check_running()
        task = func, tuple(args), dict(kwds) if kwds else {}
        chosen = self._options.updated(options)
        result: AsyncResult[R] = AsyncResult(self._engine, self, task, chosen, callback, error_callback)
        self._engine.call(result)
        self._engine.collect_for(result)
        return result

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

        :param chunksize: items that are sent together; ``None`` adapts it to the time that they take. If a worker dies,
            only the item fails that it ran.
        :param return_exceptions: whether an item's exception is put among the results instead of being raised.
        :param options: as :class:`TaskOptions`, for each item.
        :return: the results, in the order of the items.
        :raises BaseException: what the first of the items raised that failed, when all are done; a note on it says
            which it is.
        """
        return _awaited(self._map(func, iterable, False, chunksize, self._options.updated(options, return_exceptions)))

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
        :param error_callback: is called with the exception, in the same way.
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
        return _awaited(self._map(func, iterable, True, chunksize, self._options.updated(options, return_exceptions)))

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
        iterable: Iterable[T] | AsyncIterable[T],
        chunksize: int = 1,
        *,
        buffersize: int | None = None,
        **options: Unpack[TaskOptions],
    ) -> IMapIterator[R]:
        """Call ``func`` with each item, in the workers, and iterate over the results in the order of the items.

        Does not block.  A thread takes the items from the iterable, no more than a window ahead of the iteration: the
        iterable may be endless. When the iterator is dropped or closed, no more are taken, and queued items are not
        begun.  ``async for`` iterates over the results in a task of an event loop. There the items may be an
        asynchronous iterable: a task of the loop, in place of the thread, takes one after another, within the window.

        :param chunksize: items that are sent together; 1 for those of an asynchronous iterable.
        :param buffersize: items that may be pulled and not yet given as results; ``None`` adapts it to how long they
            take.
        :param options: as :class:`TaskOptions`, for each item.
        :return: the iterator; an item that failed raises in its turn.
        """
        return self._imap(func, iterable, chunksize, True, buffersize, self._options.updated(options))

    def imap_unordered(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T] | AsyncIterable[T],
        chunksize: int = 1,
        *,
        buffersize: int | None = None,
        **options: Unpack[TaskOptions],
    ) -> IMapIterator[R]:
        """As :meth:`imap`, but the results come as they are done."""
        return self._imap(func, iterable, chunksize, False, buffersize, self._options.updated(options))

    def task_group(self) -> TaskGroup:
        """Tasks that end together: ``with pool.task_group() as group:``, or ``async with``.

        Does not block.

        >>> import processing
        >>> with processing.Pool(2) as pool, pool.task_group() as group:  # doctest: +SKIP
        ...     squares = [group.submit(pow, i, 2) for i in range(3)]
        >>> [square.get() for square in squares]  # doctest: +SKIP
        [0, 1, 4]
        """
        from processing_pool._task_group import TaskGroup

        return TaskGroup(self)

    async def __aenter__(self) -> Self:
        self._engine.check_running()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._engine.terminate_async()

    def __enter__(self) -> Self:
        self._engine.check_running()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.terminate()

    def __del__(self, warn: Callable[..., object] = warnings.warn) -> None:
        engine: Engine | None = getattr(self, "_engine", None)
        if engine is not None and engine.is_unclosed():
            # In these words, for programs know them in their filters.
            warn(f"unclosed running multiprocessing pool {self!r}", ResourceWarning, source=self)

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
        self._engine.collect_for(result)
        return result


def _awaited(result: AsyncResult[R]) -> R:
    """The result.  If the wait is interrupted, no thread can get the result any more, so its tasks are stopped."""
    try:
        if result.options.progress is not None:
            _show_progress_soon(result)
        return result.get()
    finally:
        if not result.ready():
            result.cancel()
        if result.options.progress is not None:
            _flush_progress()
        del result


def _show_progress_soon(result: AsyncResult[Any]) -> None:
    """Wait a moment, and show then how far it is, if it is not there."""
    from processing_pool._progress.display import INTERVAL, start_thread

    result.wait(INTERVAL)
    if not result.ready():
        start_thread()


def _flush_progress() -> None:
    from processing_pool._progress.display import flush

    flush()


register_factory("Pool", Pool, takes_context=True)
