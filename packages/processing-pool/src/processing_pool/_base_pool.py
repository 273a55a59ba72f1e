"""What a pool and an executor have in common: an engine over worker processes, and ways to give it jobs."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable

from processing_core import BaseContext
from processing_core.annotations import TYPE_CHECKING, Any, Literal, NoReturn, ParamSpec, TypeVar, Unpack
from processing_core.lowlevel import checked_timeout, context_of, ensure_family, limit_named
from processing_pool._compatibility import PoolCompatibility, workers_of
from processing_pool._engine.engine import RUNNING, Engine
from processing_pool._engine.task_channel import TaskChannel
from processing_pool._jobs.imap import IMapIterator, ImapJob
from processing_pool._jobs.map import MapJob
from processing_pool._jobs.result import AsyncResult
from processing_pool._numbers import positive, real
from processing_pool._options import Options, TaskOptions
from processing_pool._platform import usable_cpus
from processing_pool._supervision.process_channel import ProcessChannel
from processing_pool._worker.setup import Affinity, Environment, make_setup

if TYPE_CHECKING:
    from processing_pool._futures import Future

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
        backend: Any = None,
        **options: Unpack[TaskOptions],
    ) -> None:
        if backend is not None:
            _check_none(maxtasksperchild, context, max_memory, idle_timeout, on_exit, environment, directory, affinity)
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
        setup = make_setup(size, threads_per_worker, environment, directory, affinity)
        self._options = Options().updated(options)
        ensure_family()
        self._ctx = context_of(context, "context")
        workers = workers_of(type(self), self._ctx)
        first = initializer, tuple(initargs), maxtasksperchild, max_memory
        self._engine = Engine(self._channel(workers, size, *first, on_exit, self._of_executor, setup, idle_timeout))
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

        _check_callable("initializer", initializer)
        self._options = options
        self._ctx = context_of(None, "context")
        self._engine = Engine(channel_to(backend, size, initializer, initargs))
        self._engine.start(self)

    def _channel(self, workers: Any, size: int, *settings: Any) -> TaskChannel:
        """What runs the tasks; another engine may be put in its place."""
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
        if self._engine.state == RUNNING and self._engine.broken is None:
            raise ValueError("Pool is still running")
        return self._engine.join(checked_timeout(timeout))

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
            chunksize = positive(chunksize, "chunksize", "Chunksize must be at least 1")
        # A copy: the items are sent little by little, and the program may change the list meanwhile.
        items: Any = iterable if isinstance(iterable, _UNCHANGING) else list(iterable)
        if result is None:
            result = AsyncResult(self._engine, None, None, options)
        job = MapJob(self._engine.jobs, self._engine.channel, result, func, items, star, chunksize, options)
        result.job = job
        self._engine.enter(job, job.advance)
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
        chunksize = positive(chunksize, "chunksize", "Chunksize must be at least 1")
        if buffersize is not None:
            buffersize = positive(buffersize, "buffersize")
        self._engine.callback_thread.start()  # should the iterator be dropped, by a finalizer, which can start nothing
        job = ImapJob(
            self._engine.jobs, self._engine.channel, func, iterable, chunksize, ordered, star, buffersize, options
        )
        self._engine.enter(job, job.start)
        return IMapIterator(self._engine, self, job)


_UNCHANGING = (range, tuple, str, bytes)


def _check_callable(name: str, function: object) -> None:
    if function is not None and not callable(function):
        raise TypeError(f"{name} must be a callable, not {function!r}")


def _check_none(*of_workers: object) -> None:
    if any(value is not None for value in of_workers):
        raise ValueError(
            "with a backend, a pool starts no workers: maxtasksperchild, context, max_memory, idle_timeout, on_exit, "
            "environment, directory and affinity cannot be given"
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
