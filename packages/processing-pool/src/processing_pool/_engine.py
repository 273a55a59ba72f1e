"""The engine: what a pool has, apart from its methods.

It does not know its ``Pool``, so that a pool that is dropped can be collected; its threads know only the engine.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager

from processing_core import BaseContext, ClosedError, StateError
from processing_core.annotations import TYPE_CHECKING, Any
from processing_core.lowlevel import Claims, Queue, at_exit
from processing_pool._background import Background
from processing_pool._collector import Collector, Target
from processing_pool._errors import PoolBroken, TaskCancelled
from processing_pool._functions import Named, uncallable
from processing_pool._jobs import Calls
from processing_pool._messages import CALLS, CONTROL, Failure, error_of
from processing_pool._outcomes import cell_number
from processing_pool._results import AsyncResult
from processing_pool._supervisor import Supervisor
from processing_pool._worker import Recipe

if TYPE_CHECKING:
    from processing_pool._jobs import Mapping
    from processing_pool._streams import Stream

__all__ = ["Engine"]

RUNNING = "RUN"
CLOSED = "CLOSE"
TERMINATED = "TERMINATE"

LAST = (1 << 64) - 1


class Engine:
    """The rings, the jobs, the workers and the threads of one pool.

    ``jobs`` maps the first number of a message to whom it is for; a job stands there from before its first message
    is sent until its last has come.  Its changes are single dictionary operations.
    """

    def __init__(
        self,
        context: BaseContext,
        size: int,
        initializer: Callable[..., object] | None,
        initargs: tuple[Any, ...],
        max_tasks: int | None,
        max_memory: int | None,
        on_exit: Callable[[], object] | None,
    ) -> None:
        self.pid: int = os.getpid()
        self.size = size
        self.state: str = RUNNING
        self._dropped = False
        self._forget_pool: Callable[[], object] = bool
        self._over: BaseException | None = None  # why nothing more will be done; set by the supervisor at its end
        self.broken: PoolBroken | None = None
        self.tasks: Queue[Any] = Queue()
        results: Queue[Any] = Queue()
        self.calls: Calls = Calls(self)
        self.timed: dict[object, float] = {}  # the jobs and calls that have a timeout
        self.batched: set[object] = set()  # the jobs of which workers may hold a backlog
        self.jobs: dict[int, Any] = {CALLS: self.calls, CONTROL: _Control(self)}
        self.settling: AbstractContextManager[bool] = threading.RLock()  # guards what results are decided to be
        self.outstanding: set[AsyncResult[Any]] = set()  # those that the background collects
        self.collector: Collector = Collector(results, self.jobs, self.finished)
        self.background: Background = Background(self)
        self._numbers = itertools.count(1)
        self._named = Named()
        self._all_done = _AllDone(self)
        self._broken_target = _Broken(self)
        recipe = Recipe(self.tasks, results, Claims(size), initializer, initargs, max_tasks, on_exit)
        self.supervisor: Supervisor = Supervisor(self, context, recipe, size, max_memory)
        self._forget_exit = at_exit(self.terminate, priority=15)
        self.supervisor.start()

    def end_with(self, pool: object) -> None:
        """End the workers when ``pool`` is dropped."""
        # Not at exit: the engine sees to that itself, earlier.  Not once there is nothing to end: what was raised then
        # is kept here, with the frames that it came through, and one of them may have the pool.
        finalizer = weakref.finalize(pool, self.drop)
        finalizer.atexit = False
        self._forget_pool = finalizer.detach
        if self._over is not None:
            finalizer.detach()

    # -- submitting and waiting ---------------------------------------------------------------------

    def check_running(self) -> None:
        """:raises Exception: if no task may be submitted."""
        if os.getpid() != self.pid:
            raise StateError("a pool can be used only by the process that made it")
        if self.state != RUNNING:
            raise ClosedError("Pool not running")

    def call(self, result: AsyncResult[Any]) -> None:
        """Begin the call that ``result`` is for."""
        number = result.number = next(self._numbers)
        self.calls.pending[number] = result
        if result.options.timeout is not None:
            self._watch_time(result, result.options.timeout)
        try:
            self.send(result)
        except BaseException as error:
            self.calls.drop(number)
            if not isinstance(error, Exception):
                raise
            result.settle(False, self._over or error)
        if self._over is not None:
            self.calls.abort(self._over)

    def send(self, result: AsyncResult[Any]) -> None:
        """Send a call."""
        task = result.task if callable(result.task[0]) else (uncallable, (type(result.task[0]).__name__,), {})
        parcel = self._named.get(task[0])
        if parcel is not None:
            result.parcel = parcel
            task = cell_number(parcel), task[1], task[2]
        result.message = self.tasks._send(CALLS, result.number, task)

    def resend(self, a: int, b: int, n: int) -> None:
        """In the supervisor: let a job's tasks, which nobody has begun, be run by somebody else."""
        job = self.jobs.get(a)
        if job is not None and self.__dict__.get("tasks") is not None:
            job.resend(b, n)

    def tell(self, a: int, b: int, value: object) -> None:
        """Say through the ring of results what became of a task."""
        self.collector.send(a, b, value)

    def void(self, a: int) -> None:
        """Let nobody begin what was sent of a job."""
        tasks = self.__dict__.get("tasks")
        if tasks is not None:
            tasks._void(a, 0, LAST)

    def cancel(self, result: AsyncResult[Any]) -> bool:
        """As :meth:`AsyncResult.cancel`."""
        if os.getpid() != self.pid:
            raise StateError("a task can be cancelled only by the process that made the pool")
        job = result.job
        if job is not None:
            job.stop()
            self.supervisor.watch.cancel(job.cell)
            error = TaskCancelled("the map was cancelled")
            job.abort(error)
            cancelled = result.settle(False, error)
        else:
            cancelled = self._cancel_call(result)
        self.finished()
        self.collector.kick()
        return cancelled

    def _cancel_call(self, result: AsyncResult[Any]) -> bool:
        """Where a call is, only its worker can change: it takes it from the ring, which is looked at first.

        Retries, and what a dead worker had not begun, the supervisor sends under the guard, if they are pending still.
        A result that nobody has seen yet will not be looked at.
        """
        with self.supervisor.watch.guard:
            if not self._take_back(result):
                self.supervisor.watch.cancel(CALLS, result.number)
            self.supervisor.watch.forget(CALLS, result.number)
            cancelled = result.settle(False, TaskCancelled("the task was cancelled"))
            self.calls.drop(result.number)
        return cancelled

    def _take_back(self, result: AsyncResult[Any]) -> bool:
        """Whether a call stood in the ring: then nobody will take it."""
        tasks = self.__dict__.get("tasks")
        return tasks is not None and tasks._void(CALLS, result.number, result.number, result.message) > 0

    def timeout_of(self, a: int, b: int) -> float | None:
        """Seconds that a task may run."""
        job = self.jobs.get(a)
        timeout: float | None = None if job is None else job.timeout_of(b)
        return timeout

    def is_running(self, result: AsyncResult[Any]) -> bool:
        """Whether a worker has begun a call and not ended it."""
        return self.supervisor.watch.runs(CALLS, result.number)

    def _watch_time(self, whose: object, timeout: float) -> None:
        self.timed[whose] = timeout
        self.supervisor.wake()

    def balance(self, job: Mapping | Stream) -> None:
        """Let no worker be idle while another holds several of this job's items."""
        if job not in self.batched:
            self.batched.add(job)
            self.supervisor.wake()

    def leave(self, job: Mapping | Stream) -> None:
        """A job has nothing more to get."""
        self.jobs.pop(job.cell, None)
        self.timed.pop(job, None)
        self.batched.discard(job)

    def enter(self, job: Mapping | Stream, begin: Callable[[], object]) -> None:
        """Let a job take part, and begin it."""
        self.jobs[job.cell] = job
        if job.options.timeout is not None:
            self._watch_time(job, job.options.timeout)
        try:
            begin()
        except BaseException as error:
            job.abort(self._over or error)
            if not isinstance(error, Exception):
                raise
        if self._over is not None:  # it came too late to be aborted with the others
            job.abort(self._over)

    def in_background(self, result: AsyncResult[Any]) -> None:
        """Collect for ``result`` even if nobody waits for it."""
        self.outstanding.add(result)
        if result.ready():
            self.outstanding.discard(result)
        else:
            self.background.look()

    def wait(self, target: Target, timeout: float | None = None) -> bool:
        """As :meth:`Collector.wait`."""
        if os.getpid() != self.pid:
            raise StateError("the result of a pool can be waited for only by the process that made the pool")
        return self.collector.wait(target, timeout)

    def idle(self) -> bool:
        """Whether everything that was submitted is done."""
        return len(self.jobs) == 2 and not self.calls.pending

    # -- the state ----------------------------------------------------------------------------------

    @property
    def terminating(self) -> bool:
        """Whether the workers are to be ended at once."""
        return self.state == TERMINATED or self.broken is not None

    def needs_workers(self) -> bool:
        """Whether a worker that ended is to be replaced."""
        return not self.terminating and not (self.state == CLOSED and self.idle())

    def needs_background(self) -> bool:
        """Whether somebody must collect even if nobody waits."""
        return bool(self.outstanding) or (self.state == CLOSED and not self.idle())

    def close(self) -> None:
        """Take no more tasks; the workers end when all are done."""
        if self.state == RUNNING:
            self.state = CLOSED
            for job in list(self.jobs.values()):
                job.close()
            self.finished()
            self.background.look()

    @property
    def running(self) -> bool:
        """Whether tasks may be submitted."""
        return self.state == RUNNING

    def shut_down(self, cancel_queued: bool) -> None:
        """Close, and cancel what has not begun, if it is wished."""
        self.close()
        if not cancel_queued:
            return
        for number, result in list(self.calls.pending.items()):
            with self.supervisor.watch.guard:
                if self._take_back(result) or self.supervisor.keeps(CALLS, number):
                    result.settle(False, TaskCancelled("the pool was shut down before it had begun"))
                    self.calls.drop(number)
        self.finished()
        self.collector.kick()

    def finished(self) -> None:
        """A job is done: if it was the last one of a closed pool, let the workers go."""
        if self.state == CLOSED and self.idle() and (tasks := self.__dict__.get("tasks")) is not None:
            tasks._shut()
            self.supervisor.wake()
            self._all_done.wake()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the closed pool's tasks are done and its workers have ended; whether they have, in time."""
        deadline = None if timeout is None else time.monotonic() + timeout
        if not self.wait(self._all_done, timeout):
            return False
        self.finished()
        if not self.supervisor.join(None if deadline is None else max(0.0, deadline - time.monotonic())):
            return False
        self._release()
        return True

    def terminate(self) -> None:
        """End the workers now, and fail what is not done."""
        if os.getpid() != self.pid:
            return
        self.abandon()
        self._release()

    def abandon(self) -> None:
        """Let the workers be ended; does not block, and may be called by a finalizer anywhere."""
        if os.getpid() == self.pid:
            self.state = TERMINATED
            self.supervisor.wake()

    def drop(self) -> None:
        """The pool is gone: :meth:`abandon`, and there is nobody to let go of the rest."""
        self._dropped = True
        self.abandon()

    def break_down(self, error: PoolBroken) -> None:
        """No worker can be started: no task will ever run."""
        if self.broken is None:
            self.broken = error
            self.supervisor.wake()
            self._broken_target.wake()

    def await_initializer_failure(self) -> None:
        """In the supervisor: a worker said in the ring why its initializer failed; wait for that to be read."""
        if not self.collector.wait(self._broken_target, 10.0):
            self.break_down(PoolBroken("the pool's initializer failed"))

    def workers_ended(self) -> None:
        """In the supervisor, at its end: nobody is left to do anything."""
        self._forget_exit()
        self._over = self.broken or ClosedError("the pool was terminated before this was done")
        self._forget_pool()
        for job in list(self.jobs.values()):
            job.abort(self._over)
        self._all_done.wake()
        self.background.stop()
        self.collector.kick()
        if self._dropped:
            self.background.join()
            self._let_go()

    def _release(self) -> None:
        """Let go of the threads and of the arena, unless the caller is one of those threads."""
        if self.supervisor.join() and self.background.join():
            self._let_go()

    def _let_go(self) -> None:
        self.__dict__.pop("tasks", None)
        self._named = Named()
        self.collector.release()
        self.supervisor.release()


class _Control:
    """The rows that are for the engine itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, b: int, n: int, ok: bool | list[int], value: Any) -> None:
        error = PoolBroken("the pool's initializer failed in a worker")
        error.__cause__ = error_of(value) if type(value) is Failure else value
        self._engine.break_down(error)

    def timeout_of(self, b: int) -> None:
        pass

    def resend(self, b: int, n: int) -> None:
        pass

    def advance(self) -> None:
        pass

    def close(self) -> None:
        pass

    def abort(self, error: BaseException) -> None:
        pass


class _AllDone(Target):
    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    def is_ready(self) -> bool:
        return self._engine.idle()


class _Broken(Target):
    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    def is_ready(self) -> bool:
        return self._engine.broken is not None or self._engine.state == TERMINATED
