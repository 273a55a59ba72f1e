"""The interface of :mod:`concurrent.futures` over a pool's workers.

A future is settled by whoever collects, and whoever waits for its result collects; callbacks run in the pool's
background thread, so that none keeps results from others.
"""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future as Future
from concurrent.futures._base import CANCELLED

from processing_core import BaseContext
from processing_core.annotations import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar
from processing_pool._errors import TaskCancelled
from processing_pool._options import Options
from processing_pool._results import AsyncResult

if TYPE_CHECKING:
    from processing_pool._engine import Engine
    from processing_pool._pool import Pool

__all__ = ["Future", "ProcessPoolExecutor", "submitted"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class _Result(AsyncResult[R]):
    """The result that a future is of."""

    __slots__ = ("future",)

    def __init__(self, engine: Engine, pool: object, task: Any, options: Options, future: _Future[R]) -> None:
        super().__init__(engine, pool, task, options)
        self.future: _Future[R] | None = future

    def _calls_back(self, ok: bool) -> bool:
        future = self.future
        return future is not None and future.has_callbacks

    def _finish(self, ok: bool, value: Any) -> None:
        future = self.future
        if future is not None:
            future.settle(ok, value)  # first: what is interrupted is done again as long as there is no outcome
        super()._finish(ok, value)
        self.future = None  # lest they keep each other, and what may be large


class _Future(Future[R]):
    """A future whose task can be stopped, and who waits for it collects."""

    def __init__(self, engine: Engine, pool: object, task: Any, options: Options) -> None:
        super().__init__()
        self.has_callbacks = False
        self.of: _Result[R] = _Result(engine, pool, task, options, self)
        self._engine = engine

    def settle(self, ok: bool, value: Any) -> None:
        """The outcome is known.  Several threads may say so at once; an interrupted call is done again."""
        try:
            if ok:
                self.set_result(value)
            elif not isinstance(value, TaskCancelled):
                self.set_exception(value)
            elif super().cancel():
                self._tell_of_cancel()
        except concurrent.futures.InvalidStateError:
            pass  # another thread has just said the same

    def _tell_of_cancel(self) -> None:
        """Wake those who wait for several futures; once, as it must be."""
        with self._condition:
            if self._state == CANCELLED:
                self.set_running_or_notify_cancel()

    def cancel(self) -> bool:
        return self.cancelled() or (self.of.cancel() and (self.cancelled() or not self.done()))

    def running(self) -> bool:
        return not self.done() and self._engine.is_running(self.of)

    def result(self, timeout: float | None = None) -> R:
        self._collect(timeout)
        try:
            return super().result(0 if timeout is not None else None)
        finally:
            del self  # lest it, and the traceback with this frame, keep each other

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self._collect(timeout)
        return super().exception(0 if timeout is not None else None)

    def add_done_callback(self, fn: Callable[[Future[R]], object]) -> None:
        self.has_callbacks = True
        super().add_done_callback(fn)

    def _collect(self, timeout: float | None) -> None:
        if not self.done():
            self.of.wait(timeout)


def submitted(
    engine: Engine,
    pool: object,
    options: Options,
    fn: Callable[..., R],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Future[R]:
    """The future of a call that has begun."""
    future: _Future[R] = _Future(engine, pool, (fn, args, kwargs), options)
    engine.call(future.of)
    engine.in_background(future.of)
    return future


class ProcessPoolExecutor(concurrent.futures.Executor):
    """:class:`concurrent.futures.ProcessPoolExecutor`, over a `Pool`: a worker's death fails one task, not all.

    Thread-safe; belongs to the process that made it.  ``Future.cancel`` also stops what runs.

    :param max_workers: how many workers; ``None`` for as many as the CPUs that this process may use.
    :param mp_context: the context whose start method starts them; ``None`` for the default.
    :param initializer: what each worker calls first.
    :param initargs: its arguments.
    :param max_tasks_per_child: tasks after which a worker is replaced; ``None`` for no end.
    :raises ValueError: if a number is below 1.
    :raises TypeError: if the initializer cannot be called, or a number is none.

    >>> import processing
    >>> with processing.ProcessPoolExecutor(2) as executor:  # doctest: +SKIP
    ...     executor.submit(pow, 2, 10).result()
    1024
    """

    _pool: Pool

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: BaseContext | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_tasks_per_child: int | None = None,
    ) -> None:
        from processing_pool._pool import Pool

        self._pool = Pool(max_workers, initializer, initargs, max_tasks_per_child, mp_context)

    @classmethod
    def _over(cls, pool: Pool) -> Self:
        self = cls.__new__(cls)
        self._pool = pool
        return self

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Begin ``fn(*args, **kwargs)`` in a worker.  Does not block.

        :raises RuntimeError: after a shutdown.
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
    ) -> Iterator[T]:
        """Call ``fn`` with one item of each iterable at a time, in the workers, and iterate over the results in order.

        Does not block.

        :param timeout: seconds from this call, after which the iterator raises :exc:`TimeoutError`.
        :param chunksize: items that travel together.
        :param buffersize: items that may be pulled and not yet given as results, so that iterables may be endless;
            ``None`` reads them to their end at once.
        :return: the iterator; it raises what the first item raised that failed, and what is queued then is not begun.
        :raises ValueError: if a number is below 1.
        :raises RuntimeError: after a shutdown.
        """
        self._check()
        deadline = None if timeout is None else time.monotonic() + timeout
        items: Any = zip(*iterables, strict=False)
        if buffersize is None:
            items = list(items)
        room = len(items) or 1 if buffersize is None else buffersize
        pool = self._pool
        results = pool._imap(fn, items, chunksize, True, room, pool._options, star=True)
        return _results(results, deadline)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks; the workers end when all are done.

        :param wait: whether to block until they have ended.
        :param cancel_futures: whether what has not begun is cancelled.
        """
        self._pool._engine.shut_down(cancel_futures)
        if wait:
            self._pool.join()

    def terminate_workers(self) -> None:
        """End the workers by SIGTERM, soon by SIGKILL, and fail what is not done.  Blocks for a second at most."""
        self._pool.terminate()

    def kill_workers(self) -> None:
        """End the workers by SIGKILL, and fail what is not done.  Blocks until they are gone."""
        self._pool._engine.supervisor.kill()
        self._pool.terminate()

    def _check(self) -> None:
        if not self._pool._engine.running:
            raise RuntimeError("cannot schedule new futures after shutdown")


def _results(results: Any, deadline: float | None) -> Iterator[Any]:
    try:
        while True:
            try:
                result = results.next(None if deadline is None else max(0.0, deadline - time.monotonic()))
            except StopIteration:
                return
            yield result
    finally:
        results.close()


ProcessPoolExecutor.__module__ = "processing_pool"
