"""`ThreadPool`: a pool whose workers are threads."""

from __future__ import annotations

import operator
import os
import sys
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, wait
from itertools import islice
from threading import Thread

from processing.dummy._results import AsyncResult, Callback, ErrorCallback, IMapIterator, together, when_done
from processing.dummy._threads import DaemonThreads
from processing_core.annotations import Any, Literal, NoReturn, ParamSpec, Self, TypeVar, overload
from processing_core.lowlevel import ThreadFuture
from processing_pool import Pool
from processing_pool.pool import CLOSE, RUN, TERMINATE

__all__ = ["ThreadPool"]

T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")

_WINDOW = 4  # tasks that `imap` has under way for each worker


@Pool.register
class ThreadPool:
    """Threads that run the tasks given to them, with the interface of `processing.Pool`.

    Thread-safe.  As a context manager it accepts no more tasks at the end, and drops those that were not begun. The
    threads are daemonic: the program may end while a task is stuck in one, and unfinished tasks are lost then.

    :param processes: how many threads; ``None`` for as many as there are CPUs.
    :param initializer: what each thread calls first.
    :param initargs: its arguments.
    :raises ValueError: if ``processes`` is below 1.
    :raises TypeError: if the initializer cannot be called.

    >>> from processing.pool import ThreadPool
    >>> with ThreadPool(2) as pool:
    ...     pool.map(abs, [-1, 2, -3])
    [1, 2, 3]
    """

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
    ) -> None:
        size = (os.cpu_count() or 1) if processes is None else operator.index(processes)
        if size < 1:
            raise ValueError("Number of processes must be at least 1")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._size = size
        self._state: str = RUN
        self._streams: weakref.WeakSet[IMapIterator[Any]] = weakref.WeakSet()
        self._under_way: set[Future[Any]] = set()
        self._executor = DaemonThreads(size, "ThreadPool", initializer, tuple(initargs))
        self._executor.start_all()

    @property
    def _processes(self) -> int:
        return self._size

    @property
    def _pool(self) -> list[Thread]:
        return self._executor.threads

    def apply(self, func: Callable[..., R], args: Iterable[Any] = (), kwds: Mapping[str, Any] | None = None) -> R:
        """Call ``func(*args, **kwds)`` in a thread of the pool, and return its result. Blocks."""
        return self.apply_async(func, args, kwds).get()

    def apply_async(
        self,
        func: Callable[..., R],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] | None = None,
        callback: Callback[R] = None,
        error_callback: ErrorCallback = None,
    ) -> AsyncResult[R]:
        """Begin ``func(*args, **kwds)`` in a thread of the pool.  Does not block.

        :param callback: is called with the result, in that thread.
        :param error_callback: is called with the exception, in the same way.
        """
        return AsyncResult(self._submit(func, *args, **(kwds or {})), callback, error_callback)

    @overload
    def map(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        *,
        return_exceptions: Literal[False] = False,
    ) -> list[R]: ...
    @overload
    def map(
        self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int | None = None, *, return_exceptions: bool
    ) -> list[R | BaseException]: ...
    def map(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        *,
        return_exceptions: bool = False,
    ) -> Any:
        """Call ``func`` with each item, in the threads; the results, in order.  Blocks.

        :param chunksize: for the signature of `processing.Pool`; means nothing.
        :param return_exceptions: whether an item's exception is put among the results, rather than raised.
        :raises BaseException: what the first of the items raised that failed, when all are done.
        """
        return self.map_async(func, iterable, chunksize, return_exceptions=return_exceptions).get()

    def map_async(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        callback: Callback[list[R]] = None,
        error_callback: ErrorCallback = None,
        *,
        return_exceptions: bool = False,
    ) -> AsyncResult[list[R]]:
        """Begin :meth:`map`.  Does not block, but the iterable is read to its end."""
        return self._gather(
            [self._submit(func, item) for item in iterable], callback, error_callback, return_exceptions
        )

    @overload
    def starmap(
        self,
        func: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        *,
        return_exceptions: Literal[False] = False,
    ) -> list[R]: ...
    @overload
    def starmap(
        self,
        func: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        *,
        return_exceptions: bool,
    ) -> list[R | BaseException]: ...
    def starmap(
        self,
        func: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        *,
        return_exceptions: bool = False,
    ) -> Any:
        """As :meth:`map`, but each item holds the arguments of one call."""
        return self.starmap_async(func, iterable, chunksize, return_exceptions=return_exceptions).get()

    def starmap_async(
        self,
        func: Callable[..., R],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        callback: Callback[list[R]] = None,
        error_callback: ErrorCallback = None,
        *,
        return_exceptions: bool = False,
    ) -> AsyncResult[list[R]]:
        """As :meth:`map_async`, but each item holds the arguments of one call."""
        return self._gather(
            [self._submit(func, *item) for item in iterable], callback, error_callback, return_exceptions
        )

    def imap(
        self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int = 1, *, buffersize: int | None = None
    ) -> IMapIterator[R]:
        """Call ``func`` with each item, in the threads, and iterate over the results in order.

        Does not block.  Items are pulled as the iteration goes on: the iterable may be endless.

        :param chunksize: items that are pulled together: if the iterable raises among them, it does so in their place.
        :param buffersize: items that may be pulled and not yet given as results; ``None`` for a few a thread.
        """
        return self._imap(func, iterable, chunksize, True, buffersize)

    def imap_unordered(
        self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int = 1, *, buffersize: int | None = None
    ) -> IMapIterator[R]:
        """As :meth:`imap`, but the results come as they are done."""
        return self._imap(func, iterable, chunksize, False, buffersize)

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Begin ``fn(*args, **kwargs)`` in a thread of the pool.  Does not block.

        :return: a :class:`concurrent.futures.Future`.
        """
        return self._submit(fn, *args, **kwargs)

    def executor(self) -> Executor:
        """The :class:`concurrent.futures.Executor` of the pool's threads.  Does not block.

        As with any other, the program ends only when what was submitted is done: to this pool in any way.
        """
        self._executor.drain_at_exit()
        return self._executor

    def close(self) -> None:
        """Take no more tasks; the threads end when all are done.  Does not block."""
        self._state = CLOSE
        if not any(stream.begun() for stream in self._streams):
            self._executor.shutdown(wait=False)

    def terminate(self) -> None:
        """Take no more tasks, and drop those that have not begun.  Does not block: threads cannot be killed."""
        self._state = TERMINATE
        for stream in list(self._streams):
            stream.stop()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the threads have ended, of a pool that was closed or terminated.  Blocks.

        What `imap` has not pulled yet is pulled now.

        :param timeout: seconds; ``None`` waits for ever.
        :return: whether they have ended.
        :raises ValueError: if it still runs.
        """
        if self._state == RUN:
            raise ValueError("Pool is still running")
        for stream in list(self._streams):
            stream.pull_all()
        _, undone = wait(list(self._under_way), timeout)
        if undone:
            return False
        self._executor.shutdown(wait=True)
        return True

    def __enter__(self) -> Self:
        self._check()
        return self

    def __exit__(self, *error: object) -> None:
        self.terminate()

    def __del__(self, warn: Callable[..., object] = warnings.warn) -> None:
        if getattr(self, "_state", None) == RUN and not sys.is_finalizing():
            # In these words, as for the pools of processes.
            warn(f"unclosed running multiprocessing pool {self!r}", ResourceWarning, source=self)

    def __reduce__(self) -> NoReturn:
        raise NotImplementedError("pool objects cannot be passed between processes or pickled")

    def __repr__(self) -> str:
        cls = type(self)
        return f"<{cls.__module__}.{cls.__qualname__} state={self._state} pool_size={self._size}>"

    def applyAsync(
        self,
        func: Callable[..., R],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] | None = None,
        callback: Callback[R] = None,
    ) -> AsyncResult[R]:
        """0.52's name of `apply_async`; permanent."""
        return self.apply_async(func, args, kwds, callback)

    def mapAsync(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        callback: Callback[list[R]] = None,
    ) -> AsyncResult[list[R]]:
        """0.52's name of `map_async`; permanent."""
        return self.map_async(func, iterable, chunksize, callback)

    def imapUnordered(self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int = 1) -> IMapIterator[R]:
        """0.52's name of `imap_unordered`; permanent."""
        return self.imap_unordered(func, iterable, chunksize)

    def _submit(self, func: Callable[..., R], /, *args: Any, **kwds: Any) -> Future[R]:
        self._check()
        return self._begin(func, *args, **kwds)

    def _begin(self, func: Callable[..., R], /, *args: Any, **kwds: Any) -> Future[R]:
        future = self._executor.submit(func, *args, **kwds)
        self._under_way.add(future)
        when_done(future, self._under_way.discard)
        return future

    def _check(self) -> None:
        if self._state != RUN:
            raise ValueError("Pool not running")

    def _gather(
        self,
        futures: list[Future[R]],
        callback: Callback[list[R]],
        error_callback: ErrorCallback,
        return_exceptions: bool,
    ) -> AsyncResult[list[R]]:
        self._check()
        return AsyncResult(together(futures, return_exceptions), callback, error_callback, futures)

    def _imap(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int,
        ordered: bool,
        buffersize: int | None,
    ) -> IMapIterator[R]:
        self._check()
        if chunksize < 1:
            raise ValueError(f"Chunksize must be 1+, not {chunksize}")
        if buffersize is not None and buffersize < 1:
            raise ValueError(f"buffersize must be at least 1, not {buffersize}")
        stream = IMapIterator(self._each(func, iter(iterable), chunksize), buffersize or _WINDOW * self._size, ordered)
        self._streams.add(stream)
        return stream

    def _each(self, func: Callable[[T], R], items: Iterator[T], chunksize: int) -> Iterator[Future[R]]:
        while True:
            try:
                chunk = list(islice(items, chunksize))
            except Exception as error:  # the iterable's own, which is raised in its turn
                failed: Future[R] = ThreadFuture()
                failed.set_exception(error)
                yield failed
                return
            if not chunk:
                return
            for item in chunk:
                yield self._begin(func, item)
