"""Private attributes of ``multiprocessing``'s pools and executors that libraries read: ours have them, too.

No public name gives the pids of the workers, for instance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import MethodType
from weakref import WeakMethod

from processing_core.annotations import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threading import Thread

    from processing_core import BaseContext, Process
    from processing_pool._engine.engine import Engine
    from processing_pool._task_queue import TaskQueue, Tasks

__all__ = ["ExecutorCompatibility", "PoolCompatibility", "mapstar", "starmapstar", "workers_of"]


class PoolCompatibility:
    """Those of a pool.  Each value is computed when it is read, so changing it has no effect."""

    _engine: Engine
    resize: Callable[[int], None]

    @property
    def _pool(self) -> list[Process]:
        """The workers that exist now."""
        from processing_pool._supervision.process_channel import ProcessChannel

        channel = self._engine.channel
        processes = channel.supervisor.processes if isinstance(channel, ProcessChannel) else []
        return [worker for worker in processes if worker is not None]

    @property
    def _processes(self) -> int:
        """How many workers the pool keeps; setting it is `BasePool.resize`."""
        return self._engine.size

    @_processes.setter
    def _processes(self, number: int) -> None:
        self.resize(number)

    @property
    def _cache(self) -> dict[int, Any]:
        """The jobs and calls that are not done yet; jobs by their ids, calls by their indexes."""
        return {**self._engine.jobs.temporary(), **self._engine.calls.pending}

    @property
    def _worker_handler(self) -> Thread:
        """The thread that starts the workers, watches them and ends them."""
        thread: Thread = self._engine.channel.supervisor.thread  # type: ignore[attr-defined]
        return thread

    _task_handler = _result_handler = _worker_handler

    @property
    def _state(self) -> str:
        """The state of the pool; a program may set it, as `Pool.close` and `Pool.terminate` do."""
        return self._engine.state

    @_state.setter
    def _state(self, state: str) -> None:
        self._engine.state = state
        self._engine.finished()
        self._engine.channel.wake()

    @property
    def _taskqueue(self) -> TaskQueue:
        """The calls and jobs that wait for a worker."""
        from processing_pool._task_queue import TaskQueue  # here, as below, for few programs ask

        return TaskQueue(self)

    @staticmethod
    def _get_tasks(func: Callable[..., Any], it: Iterable[Any], size: int) -> Iterator[Any]:
        """Batches of ``size`` items, each with the function: what `mapstar` and `starmapstar` take."""
        from processing_pool._task_queue import batches

        return batches(func, it, size)

    @staticmethod
    def _guarded_task_generation(result_job: Any, func: Callable[..., Any], iterable: Iterable[Any]) -> Tasks:
        """The tasks of a job, which `_taskqueue` takes."""
        from processing_pool._task_queue import Tasks

        return Tasks(result_job, func, iterable)

    def _check_running(self) -> None:
        """:raises ValueError: if no task may be submitted."""
        self._engine.check_running()

    def _repopulate_pool(self) -> None:
        """Do nothing: the supervisor replaces a worker as soon as it has ended."""

    @staticmethod
    def Process(ctx: BaseContext, *args: Any, **kwds: Any) -> Process:
        """A worker that is to be started; a subclass may make another, also by a method.  Does not block.

        :param ctx: the context whose start method it is started by.
        """
        return ctx.Process(*args, **kwds)


class ExecutorCompatibility:
    """Those of an executor, by the same rule."""

    _pool: Any

    @property
    def _max_workers(self) -> int:
        """How many workers the pool keeps."""
        size: int = self._pool._processes
        return size

    @_max_workers.setter
    def _max_workers(self, number: int) -> None:
        self._pool.resize(number)

    @property
    def _pending_work_items(self) -> dict[int, Any]:
        """The calls that are not done yet, by their indexes."""
        pending: dict[int, Any] = {**self._pool._engine.calls.pending}
        return pending

    @property
    def _shutdown_thread(self) -> bool:
        """Whether no more can be submitted."""
        return not self._pool._engine.running

    @property
    def _initializer(self) -> Any:
        """What each worker calls first."""
        return self._pool._initializer

    @property
    def _initargs(self) -> tuple[Any, ...]:
        """Its arguments."""
        initargs: tuple[Any, ...] = self._pool._initargs
        return initargs

    @property
    def _max_tasks_per_child(self) -> int | None:
        """Tasks after which a worker is replaced."""
        tasks: int | None = self._pool._maxtasksperchild
        return tasks

    @property
    def _broken(self) -> str | bool:
        """Why the pool is broken, or ``False``."""
        broken: BaseException | None = self._pool._engine.broken
        return False if broken is None else str(broken) or True

    @property
    def _mp_context(self) -> BaseContext:
        """The context whose start method starts the workers."""
        context: BaseContext = self._pool._ctx
        return context

    @property
    def _executor_manager_thread(self) -> Thread:
        """The thread that starts the workers, watches them and ends them; it ends with the last worker."""
        thread: Thread = self._pool._engine.channel.supervisor.thread
        return thread

    @property
    def _processes(self) -> dict[int, Process]:
        """The workers that there are now, by their pids."""
        return {worker.pid: worker for worker in self._pool._pool}

    def _adjust_process_count(self) -> None:
        """Do nothing: all workers were started with the executor, and one that ends is replaced."""

    _launch_processes = _start_executor_manager_thread = _adjust_process_count


class _Workers:
    """A context whose ``Process`` is a pool's own."""

    def __init__(self, context: BaseContext, make: Callable[[], Callable[..., Process] | None]) -> None:
        self._context = context
        self._make = make

    def Process(self, *args: Any, **kwds: Any) -> Process:
        make = self._make() or PoolCompatibility.Process  # the pool is gone, and its tasks are still being done
        return make(self._context, *args, **kwds)

    def get_start_method(self, allow_none: bool = False) -> str | None:
        return self._context.get_start_method(allow_none)


def workers_of(pool: PoolCompatibility, context: Any) -> Any:
    """What makes a pool's workers, and does not keep the pool: the context, unless the pool has its own ``Process``."""
    make = pool.Process
    if make is PoolCompatibility.Process:
        return context
    return _Workers(context, WeakMethod(make) if isinstance(make, MethodType) else lambda: make)


def mapstar(args: tuple[Callable[..., Any], Iterable[Any]]) -> list[Any]:
    """Call a function with each item: what ``multiprocessing``'s pools run in a worker for ``map``."""
    function, items = args
    return [function(item) for item in items]


def starmapstar(args: tuple[Callable[..., Any], Iterable[Iterable[Any]]]) -> list[Any]:
    """Call a function with each item's items: what ``multiprocessing``'s pools run in a worker for ``starmap``."""
    function, items = args
    return list(_starred(function, items))


def _starred(function: Callable[..., Any], items: Iterable[Iterable[Any]]) -> Iterator[Any]:
    for arguments in items:
        yield function(*arguments)
