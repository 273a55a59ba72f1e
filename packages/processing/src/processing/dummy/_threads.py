"""The threads of a `ThreadPool`: an executor whose threads are daemonic, so that a program may end while one is stuck.

`concurrent.futures.ThreadPoolExecutor` will not do, for the interpreter joins its threads before it ends.
"""

from __future__ import annotations

import itertools
import os
import queue
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures.thread import BrokenThreadPool

from processing_core.annotations import Any, NamedTuple, ParamSpec, TypeVar
from processing_core.lowlevel import DaemonThread, ThreadFuture, ThreadLock, at_exit

__all__ = ["DaemonThreads"]

R = TypeVar("R")
P = ParamSpec("P")


class _Task(NamedTuple):
    future: Future[Any]
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self.function(*self.args, **self.kwargs)
        except BaseException as error:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class _Shared:
    """What the threads know; not the executor, so that one that is dropped ends them."""

    def __init__(self, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> None:
        self.initializer, self.initargs = initializer, initargs
        self.tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()  # None: no more will come
        self.idle: queue.SimpleQueue[None] = queue.SimpleQueue()  # an item for each thread that waits for a task
        self.broken: BaseException | None = None  # what the initializer raised

    def live(self) -> None:
        """What a thread does."""
        try:
            if self.initializer is not None:
                self.initializer(*self.initargs)
        except BaseException as error:
            self.broken = error
        while (task := self.tasks.get()) is not None:
            if self.broken is not None:
                task.future.set_exception(self.refusal())
            else:
                task.run()
            del task  # which may be large, and the next may be long in coming
            self.idle.put(None)
        self.tasks.put(None)  # for the next thread

    def refusal(self) -> BrokenThreadPool:
        """The error of a task after the initializer has raised."""
        error = BrokenThreadPool("A thread initializer failed, the thread pool is not usable anymore")
        error.__cause__ = self.broken
        return error


class DaemonThreads(Executor):
    """Runs calls in up to ``size`` daemonic threads, which are started as they are needed.  Thread-safe.

    When it is dropped, its threads end once they have done what was submitted.

    :param initializer: what each thread calls first.
    """

    def __init__(
        self, size: int, name: str, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]
    ) -> None:
        self._size, self._name = size, name
        self._shared = _Shared(initializer, initargs)
        self._threads: list[threading.Thread] = []
        self._numbers = itertools.count()
        self._guard = ThreadLock()  # guards the two below, and that nothing is submitted behind the end
        self._over = False
        self._drained = False
        weakref.finalize(self, self._shared.tasks.put, None).atexit = False

    def start_all(self) -> None:
        """Start the threads that are not started yet."""
        with self._guard:
            while len(self._threads) < self._size:
                self._add_thread()

    @property
    def threads(self) -> list[threading.Thread]:
        """The threads that were started."""
        return list(self._threads)

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Begin ``fn(*args, **kwargs)`` in a thread.  Does not block.

        :raises RuntimeError: if it was shut down, or an initializer has raised.
        """
        future: Future[R] = ThreadFuture()
        with self._guard:
            if self._shared.broken is not None:
                raise self._shared.refusal()
            if self._over:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._shared.tasks.put(_Task(future, fn, args, kwargs))
            self._start_thread()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks.

        :param wait: whether to block until the threads have ended.
        :param cancel_futures: whether to drop what has not begun.
        """
        with self._guard:
            self._over = True
            if cancel_futures:
                self._cancel_waiting()
            self._shared.tasks.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def drain_at_exit(self) -> None:
        """Let the program end only when all is done that was submitted."""
        with self._guard:
            self._drained = True
            for thread in self._threads:
                _drain_at_exit(thread, self._shared.tasks)

    def _start_thread(self) -> None:
        if len(self._threads) >= self._size:
            return
        try:
            self._shared.idle.get_nowait()
        except queue.Empty:
            self._add_thread()

    def _add_thread(self) -> None:
        name = f"{self._name}_{next(self._numbers)}"
        thread = DaemonThread(self._shared.live, name=name)
        thread.start()
        self._threads.append(thread)
        if self._drained:
            _drain_at_exit(thread, self._shared.tasks)

    def _cancel_waiting(self) -> None:
        while True:
            try:
                task = self._shared.tasks.get_nowait()
            except queue.Empty:
                return
            if task is not None:
                task.future.cancel()


class _AtExit:
    """The threads that the program waits for at its end, and whence they have their tasks."""

    threads: weakref.WeakKeyDictionary[threading.Thread, queue.SimpleQueue[_Task | None]] = weakref.WeakKeyDictionary()
    registered_in: int | None = None  # the process; a forked one has none of the threads


def _drain_at_exit(thread: threading.Thread, tasks: queue.SimpleQueue[_Task | None]) -> None:
    if _AtExit.registered_in != os.getpid():
        _AtExit.registered_in = os.getpid()
        _AtExit.threads.clear()
        at_exit(_drain)
    _AtExit.threads[thread] = tasks


def _drain() -> None:
    threads = list(_AtExit.threads.items())
    for _, tasks in threads:
        tasks.put(None)
    for thread, _ in threads:
        thread.join()
