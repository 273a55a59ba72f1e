"""The interface of :mod:`concurrent.futures` over a pool's workers."""

from __future__ import annotations

import concurrent.futures
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType

from processing_core import BaseContext, get_context
from processing_core.annotations import Any, ParamSpec, Self, TypeVar
from processing_core.lowlevel import checked_timeout, context_of, limit_named
from processing_pool._base_pool import BasePool
from processing_pool._compatibility import ExecutorCompatibility
from processing_pool._errors import PoolBroken, TaskCancelled, join_concurrent_futures
from processing_pool._futures import Future
from processing_pool._messages import renewed
from processing_pool._numbers import positive
from processing_pool._submitted_map import submitted_map

__all__ = ["ProcessPoolExecutor"]

join_concurrent_futures()

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class _ExecutorPool(BasePool):
    """A pool of an executor's own."""

    _of_executor = True


class ProcessPoolExecutor(ExecutorCompatibility, concurrent.futures.Executor):
    """:class:`concurrent.futures.ProcessPoolExecutor`, over a `Pool`: a worker's death fails one task, not all.

    Thread-safe; belongs to the process that made it.  ``Future.cancel`` also stops what runs.

    :param max_workers: how many workers; ``None`` for as many as the CPUs that this process may use.
    :param mp_context: the context whose start method starts them; ``None`` for the default, or for ``spawn`` if
        *max_tasks_per_child* is given.
    :param initializer: what each worker calls first.
    :param initargs: its arguments.
    :param max_tasks_per_child: tasks after which a worker is replaced; ``None`` for no end.
    :raises ValueError: if a number is below 1.
    :raises TypeError: if the initializer cannot be called, or a number is not an integer.

    >>> import processing
    >>> with processing.ProcessPoolExecutor(2) as executor:  # doctest: +SKIP
    ...     executor.submit(pow, 2, 10).result()
    1024
    """

    _pool: BasePool

    @limit_named()
    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: BaseContext | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_tasks_per_child: int | None = None,
    ) -> None:
        if mp_context is None and max_tasks_per_child is not None:
            mp_context = get_context("spawn")
        self._pool = _ExecutorPool(
            _checked("max_workers", max_workers),
            initializer,
            initargs,
            _checked("max_tasks_per_child", max_tasks_per_child),
            context_of(mp_context, "mp_context"),
        )
        self._pool._engine.drains = True
        # No thread can submit any more once it is gone.  Not at exit: the engine does that itself.
        weakref.finalize(self, self._pool._engine.retire).atexit = False

    @classmethod
    def _over(cls, pool: BasePool) -> Self:
        self = cls.__new__(cls)
        self._pool = pool
        pool._engine.drains = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what was submitted; after `KeyboardInterrupt`, stop what runs."""
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self._pool.terminate()
        self.shutdown()

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Begin ``fn(*args, **kwargs)`` in a worker.  Does not block.

        :raises RuntimeError: after a shutdown.
        :raises PoolBroken: if the pool is broken already.
        """
        self._check()
        return self._pool.submit(fn, *args, **kwargs)

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
        progress: bool | str = False,
    ) -> Iterator[T]:
        """Call ``fn`` with one item of each iterable at a time, in the workers, and iterate over the results in order.

        Does not block.  If a subclass overrides `submit`, it is called for each chunk, as in ``concurrent.futures``.

        :param timeout: seconds from this call, after which the iterator raises :exc:`TimeoutError`.
        :param chunksize: items that are sent together.
        :param buffersize: tasks, of ``chunksize`` items each, that may be submitted and not yet given as results, so
            that iterables may be endless; ``None`` reads them to their end at once.
        :param progress: whether it shows how far it is, or its label: as :class:`TaskOptions`.
        :return: the iterator; it raises the error of the first item that failed, and queued items are not begun then.
        :raises ValueError: if a number is below 1.
        :raises RuntimeError: after a shutdown.
        :raises PoolBroken: if the pool is broken already.
        """
        self._check()
        seconds = checked_timeout(timeout)
        deadline = None if seconds is None else time.monotonic() + seconds
        chunksize = positive(chunksize, "chunksize", "Chunksize must be at least 1")
        items: Any = zip(*iterables, strict=False)
        if type(self).submit is not ProcessPoolExecutor.submit:
            return submitted_map(self.submit, fn, items, chunksize, buffersize, deadline)
        if buffersize is None:
            items = list(items)
            room = len(items) + chunksize  # for all
        else:
            room = positive(buffersize, "buffersize") * chunksize
        pool = self._pool
        options = pool._options.updated({"progress": progress}) if progress else pool._options
        results = pool._imap(fn, items, chunksize, True, room, options, star=True)
        return _results(results, deadline)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks; the workers end when all are done.  In a forked child nothing happens.

        :param wait: whether to block until they have ended.
        :param cancel_futures: whether what has not begun is cancelled, of maps too: their iterators raise
            :exc:`concurrent.futures.CancelledError` in its place.  What is being sent meanwhile may still be run.
        """
        self._pool._engine.shut_down(cancel_futures)
        if wait and self._pool._engine.is_own:
            self._pool.join()

    def terminate_workers(self) -> None:
        """End the workers by SIGTERM, soon by SIGKILL.  Blocks for a second at most.

        Queued tasks are cancelled; running tasks fail with `PoolBroken`, as do later submissions.
        """
        self._break_down("terminate_workers")
        self._pool.terminate()

    def kill_workers(self) -> None:
        """End the workers by SIGKILL.  Blocks until they are gone.  What becomes of tasks: as `terminate_workers`."""
        self._break_down("kill_workers")
        if self._pool._engine.is_own:
            self._pool._engine.channel.kill()
            self._pool.terminate()

    def _break_down(self, method: str) -> None:
        engine = self._pool._engine
        if not engine.is_over and engine.is_own:
            engine.calls.withdraw()
            engine.break_down(PoolBroken(f"the workers were ended by {method}() before this was done"))

    def _check(self) -> None:
        engine = self._pool._engine
        if engine.broken is not None:
            raise renewed(engine.broken)
        if not engine.running:
            raise RuntimeError("cannot schedule new futures after shutdown")


def _results(results: Any, deadline: float | None) -> Iterator[Any]:
    taken: list[Any] = []
    try:
        while True:
            try:
                taken.append(results.next(None if deadline is None else max(0.0, deadline - time.monotonic())))
            except StopIteration:
                return
            except TaskCancelled as error:
                raise concurrent.futures.CancelledError(*error.args) from None
            yield taken.pop()  # so that no variable keeps it
    finally:
        results.close()


def _checked(name: str, number: int | None) -> int | None:
    return None if number is None else positive(number, name, f"{name} must be greater than 0")


ProcessPoolExecutor.__module__ = "processing_pool"
