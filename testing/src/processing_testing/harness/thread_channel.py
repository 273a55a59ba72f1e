"""A second implementation of the channel below a pool: its workers are the threads of a `ThreadPoolExecutor`.

It shows that a pool's engine and jobs do not depend on processes, and what another engine has to do.  A thread cannot
be stopped: if a task is cancelled or timed out, its outcome is reported at once, and what the thread returns is
ignored.
"""

from __future__ import annotations

import itertools
import queue
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from processing_pool import Pool
from processing_pool.lowlevel import (
    CALLS,
    CANCELLED,
    TIMED_OUT,
    Call,
    ChannelOwner,
    Death,
    Resendable,
    Row,
    TaskChannel,
    failure_of,
)


class _Packed:
    """The function of a job, and how it is applied to an item."""

    def __init__(self, job_id: int, function: Callable[..., Any], star: bool) -> None:
        self.job_id = job_id
        self._function = function
        self._star = star

    def run(self, item: Any) -> Any:
        return self._function(*item) if self._star else self._function(item)


class _Task:
    """A task that was sent and whose outcome was not reported yet."""

    def __init__(self, job_id: int, index: int) -> None:
        self.key = job_id, index
        self.future: Future[None] | None = None
        self.began: float | None = None


class ThreadChannel:
    """A `TaskChannel` over threads.

    :param size: how many threads there are.
    :param initializer: what each calls first.
    """

    target_time = 0.005
    grain = 1
    balances = True

    def __init__(self, size: int, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> None:
        self.capacity = size
        self._executor = ThreadPoolExecutor(size, "processing pool's worker", initializer, initargs)
        self._outcomes: queue.SimpleQueue[Row] = queue.SimpleQueue()
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()  # not an Event: a finalizer may put into it
        self._job_ids = itertools.count(1 << 32)
        self._packed: weakref.WeakValueDictionary[int, _Packed] = weakref.WeakValueDictionary()
        self._guard = threading.RLock()  # guards _tasks and _due
        self._tasks: dict[tuple[int, int], _Task] = {}
        self._due: dict[tuple[int, int], tuple[float, Resendable]] = {}
        self._thread = threading.Thread(target=self._supervise, name="processing pool's supervisor", daemon=True)

    def start(self, owner: ChannelOwner) -> None:
        self._owner = owner
        self._thread.start()

    def resize(self, size: int) -> None:
        raise NotImplementedError("the number of threads is fixed")

    def prioritize(self) -> None:
        """Do nothing: tasks are begun in the order in which they were given."""

    def feed(self) -> None:
        """Do nothing: nothing waits here."""

    # -- sending ------------------------------------------------------------------------------------

    def pack(self, function: Callable[..., Any], star: bool) -> _Packed:
        packed = _Packed(next(self._job_ids), function, star)
        self._packed[packed.job_id] = packed
        return packed

    def submit(self, call: Call) -> None:
        function, args, kwds = call.task
        self._begin(CALLS, call.index, lambda: function(*args, **kwds))

    def send(self, job_id: int, index: int, item: Any, /) -> None:
        packed = self._packed[job_id]
        self._begin(job_id, index, lambda: packed.run(item))

    def send_many(
        self,
        job_id: int,
        index: int,
        items: Any,
        progress: list[int],
        failures: list[tuple[int, BaseException]] | None = None,
        /,
    ) -> None:
        for number, item in enumerate(items, index):
            self.send(job_id, number, item)
            progress[0] = number + 1

    send_batch = send_many

    def balance(self, job_id: int) -> None:
        """Do nothing: an item of a batch is taken by the next thread that is idle."""

    def _begin(self, job_id: int, index: int, run: Callable[[], Any]) -> None:
        task = _Task(job_id, index)
        with self._guard:
            self._tasks[task.key] = task
            task.future = self._executor.submit(self._run, task, run)

    def _run(self, task: _Task, run: Callable[[], Any]) -> None:
        task.began = time.monotonic()
        self.wake()  # it may have a time limit
        try:
            outcome = run()
        except BaseException as error:
            outcome = failure_of(error)
        self._end(task, outcome)

    def _end(self, task: _Task, outcome: object) -> bool:
        """Report the outcome of a task, unless one was reported before."""
        with self._guard:
            if self._tasks.get(task.key) is not task:
                return False
            del self._tasks[task.key]
            self.tell(*task.key, outcome)
        return True

    # -- sending again ------------------------------------------------------------------------------

    def send_later(self, job: Resendable, index: int, delay: float) -> None:
        with self._guard:
            self._due[job.job_id, index] = time.monotonic() + delay, job
        self.wake()

    def forget(self, job_id: int, index: int) -> None:
        with self._guard:
            self._due.pop((job_id, index), None)

    def is_waiting(self, job_id: int, index: int) -> bool:
        return (job_id, index) in self._due

    # -- cancelling ---------------------------------------------------------------------------------

    def is_running(self, job_id: int, index: int) -> bool:
        task = self._tasks.get((job_id, index))
        return task is not None and task.began is not None

    def take_back(self, call: Call) -> bool:
        return self._take_back((CALLS, call.index))

    def _take_back(self, key: tuple[int, int]) -> bool:
        with self._guard:
            task = self._tasks.get(key)
            taken = task is not None and task.future is not None and task.future.cancel()
            if taken:
                del self._tasks[key]
        return taken

    def cancel_queued(self, job_id: int) -> None:
        for key in self._keys(job_id, None):
            self._take_back(key)

    def taken(self, job_id: int) -> list[tuple[int, int]]:
        return [(index, index + 1) for _, index in self._keys(job_id, None)]

    def cancel_running(self, job_id: int, index: int | None = None) -> None:
        for key in self._keys(job_id, index):
            task = self._tasks.get(key)
            if task is not None and task.began is not None:
                self._end(task, Death(None, None, (CANCELLED,)))

    def _keys(self, job_id: int, index: int | None) -> list[tuple[int, int]]:
        with self._guard:
            return [key for key in self._tasks if key[0] == job_id and index in (None, key[1])]

    # -- outcomes -----------------------------------------------------------------------------------

    def receive(self, limit: int, timeout: float | None, rows: list[Row], /) -> None:
        try:
            rows.append(self._outcomes.get(timeout != 0, timeout))
            while len(rows) < limit:
                rows.append(self._outcomes.get(False))
        except queue.Empty:
            pass

    def tell(self, job_id: int, index: int, outcome: object, /) -> None:
        self._outcomes.put((job_id, index, 0, True, outcome))

    # -- the supervising thread ---------------------------------------------------------------------

    def wake(self) -> None:
        self._wakes.put(None)

    close = wake

    def kill(self) -> None:
        for key in list(self._tasks):
            self.cancel_running(*key)

    def join(self, timeout: float | None = None) -> bool:
        if self._thread is threading.current_thread():
            return False
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def release(self) -> None:
        self._packed = weakref.WeakValueDictionary()

    def _supervise(self) -> None:
        owner = self._owner
        while owner.needs_workers():
            pause = min((at - time.monotonic() for at in self._times()), default=None)
            try:
                self._wakes.get(True, None if pause is None else max(0.0, pause))
            except queue.Empty:
                pass
            owner.close_if_retired()
            self._send_again()
            self._enforce_timeouts()
        self._executor.shutdown(wait=False, cancel_futures=True)
        owner.workers_ended()
        self._executor.shutdown(wait=True)

    def _times(self) -> list[float]:
        """The times at which the supervising thread must act."""
        with self._guard:
            return [at for at, _ in self._due.values()] + [at for _, at, _ in self._limits()]

    def _limits(self) -> list[tuple[_Task, float, float]]:
        """The running tasks that have a time limit, each with its deadline and its limit in seconds."""
        with self._guard:
            tasks = [(task, task.began, self._owner.jobs.timeout_of(*task.key)) for task in self._tasks.values()]
        return [
            (task, began + seconds, seconds)
            for task, began, seconds in tasks
            if began is not None and seconds is not None
        ]

    def _send_again(self) -> None:
        with self._guard:
            due = {key: job for key, (at, job) in self._due.items() if at <= time.monotonic()}
            for key in due:
                del self._due[key]
        for (_, index), job in due.items():
            job.resend(index, 1)

    def _enforce_timeouts(self) -> None:
        for task, at, seconds in self._limits():
            if at <= time.monotonic():
                self._end(task, Death(None, None, (TIMED_OUT, seconds)))


class ThreadPool(Pool):
    """A pool whose tasks run in threads of this process."""

    def _channel(self, workers: Any, size: int, *settings: Any) -> TaskChannel:
        initializer, initargs, *_ = settings
        return ThreadChannel(size, initializer, initargs)
