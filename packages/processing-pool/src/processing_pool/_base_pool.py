"""What a pool and an executor have in common: an engine over worker processes, and ways to give it jobs."""

from __future__ import annotations

import operator
import os
from collections.abc import AsyncIterable, Callable, Iterable

from processing_core import BaseContext
from processing_core.annotations import TYPE_CHECKING, Any, Literal, NoReturn, ParamSpec, TypeVar, Unpack
from processing_core.lowlevel import checked_timeout, context_of, ensure_family, limit_named, preload_own, prepare_start
from processing_pool import _worker
from processing_pool._compatibility import PoolCompatibility, workers_of
from processing_pool._jobs.result import AsyncResult
from processing_pool._numbers import positive, real
from processing_pool._options import Options, TaskOptions
from processing_pool._platform import usable_cpus
from processing_pool._worker.setup import Affinity, Environment, make_setup

if TYPE_CHECKING:
    from processing_pool._engine.task_channel import TaskChannel
    from processing_pool._futures import Future
    from processing_pool._jobs.imap import ImapJob
    from processing_pool._jobs.imap_iterator import IMapIterator
    from processing_pool._jobs.map import MapJob
    from processing_pool._stats import PoolStats

__all__ = ["BasePool"]

R = TypeVar("R")
P = ParamSpec("P")


class BasePool(PoolCompatibility):
    """An engine and the workers that its tasks run in.  :class:`Pool` describes the parameters."""

    _of_executor = False

    @limit_named()
    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        context: BaseContext | None = None,
        *,
        max_memory: int | None = None,
        idle_timeout: float | None = None,
        on_exit: Callable[[], object] | None = None,
        threads_per_worker: int | Literal["auto"] | None = "auto",
        environment: Environment | None = None,
        directory: str | os.PathLike[str] | None = None,
        affinity: Affinity | None = None,
        forward_logs: bool | None = None,
        prefix_output: bool = False,
        backend: Any = None,
        **options: Unpack[TaskOptions],
    ) -> None:
        if backend is not None:
            _check_none(maxtasksperchild, context, max_memory, idle_timeout, on_exit, environment, directory, affinity)
            _check_none(forward_logs, prefix_output or None)
            self._run_on(backend, processes, initializer, tuple(initargs), Options().updated(options))
            return
        size = (
            usable_cpus()
            if processes is None
            else positive(processes, "processes", "Number of processes must be at least 1")
        )
        if maxtasksperchild is not None:
            maxtasksperchild = _lifetime(maxtasksperchild)
        if max_memory is not None:
            max_memory = positive(max_memory, "max_memory")
        if idle_timeout is not None:
            idle_timeout = _positive_seconds(idle_timeout)
        _check_callable("initializer", initializer)
        _check_callable("on_exit", on_exit)
        setup = make_setup(size, threads_per_worker, environment, directory, affinity, forward_logs, prefix_output)
        self._options = Options().updated(options)
        ensure_family()
        self._ctx = context_of(context, "context")
        workers = workers_of(self, self._ctx)
        self._initializer, self._initargs, self._maxtasksperchild = initializer, tuple(initargs), maxtasksperchild
        first = initializer, self._initargs, maxtasksperchild, max_memory
        # A worker that ends after a few tasks should cost a start, and not an import.
        preload_own(_worker.MODULE, at_once=maxtasksperchild is not None or idle_timeout is not None)
        channel = self._channel(workers, size, *first, on_exit, self._of_executor, setup, idle_timeout)
        from processing_pool._engine.engine import Engine  # here, for a forkserver starts meanwhile

        self._engine = Engine(channel)
        self._engine.start(self)

    def _run_on(
        self,
        backend: Any,
        size: int | None,
        initializer: Callable[..., object] | None,
        initargs: tuple[Any, ...],
        options: Options,
    ) -> None:
        """Have the tasks run by something else than processes of this pool's."""
        from processing_pool._backends.choice import channel_to
        from processing_pool._engine.engine import Engine

        _check_callable("initializer", initializer)
        self._initializer, self._initargs, self._maxtasksperchild = initializer, initargs, None
        self._options = options
        self._ctx = context_of(None, "context")
        self._engine = Engine(channel_to(backend, size, initializer, initargs))
        self._engine.start(self)

    def _channel(self, workers: Any, size: int, *settings: Any) -> TaskChannel:
        """What runs the tasks; another engine may be put in its place."""
        prepare_start(self._ctx)
        from processing_pool._supervision.process_channel import ProcessChannel

        return ProcessChannel(workers, size, *settings)

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Begin ``fn(*args, **kwargs)`` in a worker.  Does not block.

        :return: a :class:`concurrent.futures.Future`, whose ``cancel`` also stops what runs.
        """
        from processing_pool._futures import submitted

        self._engine.check_running()
        return submitted(self._engine, self, self._options, fn, args, kwargs)

    def resize(self, processes: int) -> None:
        """Have another number of workers.  Does not block; thread-safe.

        If they become more, further ones are started. If they become fewer, those with the highest numbers end as soon
        as each has finished the task that it runs; what it had not begun is run by others, and no task is lost or run
        twice. Workers that are started later share the processors in the new number (``threads_per_worker``).

        :param processes: how many workers.
        :raises TypeError: if it is not an integer.
        :raises ValueError: if it is below 1, or the pool was closed or terminated.
        :raises PoolBroken: if the pool is broken.
        :raises MemoryError: if the arena has no room for further workers.
        """
        self._engine.resize(positive(processes, "processes"))

    def stats(self) -> PoolStats:
        """What the pool has done so far, per worker and in all: print it.

        Does not block; thread-safe; costs some system calls for each worker. The workers count whether it is called or
        not.

        :raises NotImplementedError: if what runs the tasks keeps no figures.

        >>> import processing
        >>> with processing.Pool(2) as pool:  # doctest: +SKIP
        ...     pool.map(abs, range(100))
        ...     print(pool.stats())
        """
        read = getattr(self._engine.channel, "stats", None)
        if read is None:
            raise NotImplementedError("what runs the tasks of this pool keeps no figures")
        stats: PoolStats = read()
        return stats._replace(failures=self._engine.jobs.failed, retries=self._engine.jobs.retried)

    def close(self) -> None:
        """Take no more tasks; the workers end when all are done.  Does not block."""
        self._engine.close()

    def terminate(self) -> None:
        """End the workers at once; unfinished tasks fail. Blocks for half a second at most, or little more."""
        self._engine.terminate()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the workers have ended, of a pool that was closed or terminated.  Blocks.

        :param timeout: seconds; ``None`` waits for ever.
        :return: whether they have ended.
        :raises ValueError: if it still runs.
        """
        if self._engine.running and self._engine.broken is None:
            raise ValueError("Pool is still running")
        return self._engine.join(checked_timeout(timeout))

    async def join_async(self, timeout: float | None = None) -> bool:
        """Wait until the workers have ended: `join`, awaited in a task of an event loop.

        :param timeout: seconds; ``None`` waits for ever.
        :return: whether they have ended.
        :raises ValueError: if it still runs.
        """
        if self._engine.running and self._engine.broken is None:
            raise ValueError("Pool is still running")
        return await self._engine.join_async(checked_timeout(timeout))

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
        """Begin a map.  Without ``result`` the caller waits for it at once: `_pool._awaited`."""
        self._engine.check_running()
        if chunksize is not None:
            chunksize = positive(chunksize, "chunksize", "Chunksize must be at least 1")
        # A copy: the items are sent little by little, and the program may change the list meanwhile.
        items: Any = iterable if isinstance(iterable, _UNCHANGING) else list(iterable)
        awaited = result is None
        if result is None:
            result = AsyncResult(self._engine, None, None, options)
        from processing_pool._jobs.map import MapJob

        job = MapJob(self._engine.jobs, self._engine.channel, result, func, items, star, chunksize, options)
        result.job = job
        _show_progress(job, at_once=not awaited)
        self._engine.enter(job, job.advance)
        return result

    def _imap(
        self,
        func: Callable[..., R],
        iterable: Iterable[Any] | AsyncIterable[Any],
        chunksize: int,
        ordered: bool,
        buffersize: int | None,
        options: Options,
        star: bool = False,
    ) -> IMapIterator[R]:
        self._engine.check_running()
        chunksize = positive(chunksize, "chunksize", "Chunksize must be at least 1")
        if buffersize is not None:
            buffersize = positive(buffersize, "buffersize")
        self._engine.callback_thread.start()  # should the iterator be dropped, by a finalizer, which can start nothing
        from processing_pool._jobs.imap import ImapJob  # here, for many programs only map
        from processing_pool._jobs.imap_iterator import IMapIterator

        job = ImapJob(
            self._engine.jobs, self._engine.channel, func, iterable, chunksize, ordered, star, buffersize, options
        )
        _show_progress(job, at_once=True)
        self._engine.enter(job, job.start)
        return IMapIterator(self._engine, self, job)


def _show_progress(job: MapJob | ImapJob, *, at_once: bool) -> None:
    label = job.options.progress
    if label is not None:
        from processing_pool._progress.display import begin, start_thread

        job.on_end = begin(job, str(label))
        if at_once:
            start_thread()


_UNCHANGING = (range, tuple, str, bytes)


def _check_callable(name: str, function: object) -> None:
    if function is not None and not callable(function):
        raise TypeError(f"{name} must be a callable, not {function!r}")


def _check_none(*of_workers: object) -> None:
    if any(value is not None for value in of_workers):
        raise ValueError(
            "with a backend, a pool starts no workers: maxtasksperchild, context, max_memory, idle_timeout, on_exit, "
            "environment, directory, affinity, forward_logs and prefix_output cannot be given"
        )


def _positive_seconds(number: float) -> float:
    seconds = real(number, "idle_timeout")
    if not seconds > 0:
        raise ValueError(f"idle_timeout must be positive, not {number!r}")
    return seconds


def _lifetime(tasks: int) -> int:
    count = operator.index(tasks) if hasattr(tasks, "__index__") else 0
    if count < 1:
        raise ValueError(f"maxtasksperchild must be a positive int or None, not {tasks!r}")
    return count
