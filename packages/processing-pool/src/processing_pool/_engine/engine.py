"""The engine: everything of a pool but its methods.

It has no reference to its ``Pool``, so the garbage collector can collect a pool that the program drops; its threads
refer only to the engine. Nor does the engine know what runs the tasks: that is behind the channel.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
import weakref
from collections.abc import Callable, Iterable

from processing_core import ClosedError, StateError
from processing_core.annotations import TYPE_CHECKING, Any
from processing_core.lowlevel import ThreadRLock, at_exit, caused_by, fork_depth, has_loop
from processing_pool._engine.callback_thread import CallbackThread, WithCallback
from processing_pool._engine.collector import Collector, Target
from processing_pool._engine.job_table import JobTable
from processing_pool._errors import PoolBroken, TaskCancelled
from processing_pool._jobs.calls import Calls
from processing_pool._jobs.result import AsyncResult
from processing_pool._messages import CALLS, CONTROL, RESIZED, Failure, Row, error_of, renewed
from processing_pool._options import Options

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from processing_pool._engine.loop_collector import LoopCollectors
    from processing_pool._engine.task_channel import TaskChannel
    from processing_pool._jobs.imap import ImapJob
    from processing_pool._jobs.map import MapJob

__all__ = ["Engine"]

RUNNING = "RUN"
CLOSED = "CLOSE"
TERMINATED = "TERMINATE"


class Engine:
    """The jobs of one pool, the channel to the workers, and the collecting of outcomes.

    :param channel: runs the tasks; `start` starts it.
    """

    def __init__(self, channel: TaskChannel) -> None:
        self._pid = os.getpid()
        self._fork_depth = fork_depth()
        self.state: str = RUNNING
        self._ending = ThreadRLock()  # guards that a termination is not taken back by a close
        self._dropped = False
        self._retired = False  # no thread can submit any more; the channel's thread closes the pool
        self._forget_pool: Callable[[], object] = bool
        self._forget_exit: Callable[[], object] = bool
        self._over: BaseException | None = None  # why no task will be run any more; set at the channel's end
        self.drains = False  # at this process's end, submitted tasks are done first
        self.broken: BaseException | None = None
        self.channel: TaskChannel = channel
        self.jobs: JobTable = JobTable(self.finished, self._collect)
        self.calls: Calls = Calls(self.jobs, channel)
        self.jobs.add_permanent({CALLS: self.calls, CONTROL: _Control(self)})
        self.deciding: AbstractContextManager[bool] = ThreadRLock()  # guards what results are decided to be
        self.outstanding: set[AsyncResult[Any]] = set()  # those that the callback thread collects for
        self.collector: Collector = Collector(channel, self.jobs.by_id, self.finished)
        self.callback_thread: CallbackThread = CallbackThread(self.collector, self.needs_collecting)
        self._loop_collectors: LoopCollectors | None = None
        self._numbers = itertools.count(1)
        self._all_done = _AllDone(self)
        self._broken_target = _Broken(self)
        self._over_target = _Over(self)

    def start(self, pool: object) -> None:
        """Start the workers, and end them when ``pool`` is dropped.

        :raises BaseException: as `TaskChannel.start`, or what a signal handler raises; then no worker is left.
        """
        try:
            # Not at exit: the engine sees to that itself, earlier.  Not once there is nothing to end: what was raised
            # then is kept here, with the frames that it came through, and one of them may have the pool.
            finalizer = weakref.finalize(pool, self.drop)
            finalizer.atexit = False
            self._forget_pool = finalizer.detach
            self._forget_exit = at_exit(self._end_at_exit, priority=15)
            self.channel.start(self)
        except BaseException:
            self._forget_exit()
            self.terminate()
            self._forget_pool()
            raise

    # -- submitting and waiting ---------------------------------------------------------------------

    def check_running(self) -> None:
        """:raises Exception: if no task may be submitted."""
        if fork_depth() != self._fork_depth:
            raise StateError("a pool can be used only by the process that made it")
        if self.state != RUNNING:
            raise ClosedError("Pool not running")

    def call(self, result: AsyncResult[Any]) -> None:
        """Submit the call of ``result``."""
        index = result.index = next(self._numbers)
        self.calls.pending[index] = result
        if result.options.special is not None:
            self._heed(result, result.options)
        try:
            self.channel.submit(result)
        except BaseException as error:
            self.calls.drop(index)
            over = self.why_over()
            # An error that is not the outcome is raised: a signal handler's, when the call was sent, and done, already.
            if not isinstance(error, Exception) or not (result.resolve(False, over or error) or over):
                raise
        if self._over is not None:
            self.calls.abort(self._over)

    def cancel(self, result: AsyncResult[Any]) -> bool:
        """As :meth:`AsyncResult.cancel`."""
        if not self.is_own:
            raise StateError("a task can be cancelled only by the process that made the pool")
        job = result.job
        if job is not None:
            job.stop()
            self.channel.cancel_running(job.job_id)
            error = TaskCancelled("the map was cancelled")
            job.abort(error)
            cancelled = result.resolve(False, error)
        else:
            cancelled = self.calls.cancel(result)
        self.finished()
        self.collector.wake_leader()
        return cancelled

    def is_running(self, result: AsyncResult[Any]) -> bool:
        """Whether a worker has begun a call and not ended it."""
        return self.channel.is_running(CALLS, result.index)

    def _heed(self, whose: object, options: Options) -> None:
        """See to a timeout and a priority, before anything is sent."""
        if options.timeout is not None:
            self._limit_time(whose, options.timeout)
        if options.priority:
            self.channel.prioritize()
            self.collector.dispatched = self._feed

    def _feed(self) -> None:
        """After outcomes were dispatched, of a pool with priorities: workers may have become free."""
        self.channel.feed()
        self.finished()

    def _limit_time(self, whose: object, timeout: float) -> None:
        self.jobs.timed[whose] = timeout
        self.channel.wake()

    def enter(self, job: MapJob | ImapJob, begin: Callable[[], object]) -> None:
        """Enter a job into the table, and begin it."""
        self.jobs.by_id[job.job_id] = job
        if job.options.special is not None:
            self._heed(job, job.options)
        try:
            begin()
        except BaseException as error:
            over = self.why_over()
            if not (job.abort(over or error) or over) or not isinstance(error, Exception):  # as in `call`
                raise
        if self._over is not None:  # the job was entered too late to be aborted with the others
            job.abort(self._over)

    def collect_for(self, result: AsyncResult[Any]) -> None:
        """Collect for ``result`` even if no thread waits for it."""
        self.outstanding.add(result)
        if result.ready():
            self.outstanding.discard(result)
        elif result.may_collect and has_loop() and (collector := self.loop_collectors().current()) is not None:
            collector.enter(result)
        else:
            self.callback_thread.look()

    def loop_collectors(self) -> LoopCollectors:
        """What collects in event loops, imported when the first one runs."""
        if self._loop_collectors is None:
            from processing_pool._engine.loop_collector import LoopCollectors

            self._loop_collectors = LoopCollectors(self.collector, self.channel, self._collect)
        return self._loop_collectors

    async def wait_async(self, target: Target, timeout: float | None = None) -> bool:
        """As `wait`, in a task of an event loop."""
        if not self.is_own:
            raise StateError("the result of a pool can be waited for only by the process that made the pool")
        return await self.loop_collectors().wait(target, timeout)

    def wait(self, target: Target, timeout: float | None = None) -> bool:
        """As :meth:`Collector.wait`."""
        if fork_depth() != self._fork_depth:
            raise StateError("the result of a pool can be waited for only by the process that made the pool")
        return self.collector.wait(target, timeout)

    def collect_now(self) -> None:
        """Receive the results that have come, if no thread waits for them.  Does not wait."""
        if self.collector.collect_now():
            self.collector.promote_waiter()

    def notify(self, target: Target) -> None:
        """As :meth:`Collector.notify`."""
        self.collector.notify(target)

    def call_back(self, result: WithCallback) -> None:
        """Run a result's callback in the callback thread."""
        self.callback_thread.call(result)

    def _collect(self) -> None:
        self.callback_thread.look()

    def idle(self) -> bool:
        """Whether all submitted tasks are done."""
        return self.jobs.is_empty() and not self.calls.pending

    def why_over(self) -> BaseException | None:
        """Why no task will be run any more: a new exception for each caller.

        If several callers raised the same exception, it would collect the frames of all of them, with their variables.
        """
        return None if self._over is None else renewed(self._over)

    # -- the state ----------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """How many workers there are to be."""
        return self.channel.capacity

    def resize(self, size: int) -> None:
        """As :meth:`Pool.resize`."""
        self.check_running()
        if self.broken is not None:
            raise renewed(self.broken)
        self.channel.resize(size)
        self.channel.tell(CONTROL, RESIZED, None)  # the thread that collects has each job send more

    @property
    def is_over(self) -> bool:
        """Whether no task will be run any more."""
        return self._over is not None

    @property
    def terminating(self) -> bool:
        """Whether the workers are to be ended at once."""
        return self.state == TERMINATED or self.broken is not None

    def is_unclosed(self) -> bool:
        """Whether this is the pool of this process, runs, and the interpreter goes on."""
        return self.state == RUNNING and self.broken is None and self.is_own and not sys.is_finalizing()

    def needs_workers(self) -> bool:
        """Whether a worker that ended is to be replaced."""
        return not self.terminating and not (self.state == CLOSED and self.idle())

    def needs_collecting(self) -> bool:
        """Whether outcomes must be collected although no thread waits for them."""
        held = self._loop_collectors is not None and self._loop_collectors.held
        if self.outstanding or held or (self.state == CLOSED and not self.idle()):
            return True
        return self.jobs.needs_collecting()

    def close(self) -> None:
        """Accept no more tasks; the workers end when all are done. May be done again if it was interrupted.

        In a forked child nothing happens, as in every other method that ends something: the pool is its parent's.
        """
        if not self.is_own:
            return
        with self._ending:
            if self.state == TERMINATED:
                return
            self.state = CLOSED
        self.jobs.close()
        self.finished()
        if self.needs_collecting():
            self.callback_thread.look()

    @property
    def is_own(self) -> bool:
        """Whether this process made the pool, and is no forked child of it."""
        return os.getpid() == self._pid

    @property
    def running(self) -> bool:
        """Whether tasks may be submitted."""
        return self.state == RUNNING

    def shut_down(self, cancel_queued: bool) -> None:
        """Close, and cancel tasks that were not begun, if that is requested."""
        self.close()
        if cancel_queued and self.is_own:
            self.jobs.withdraw()
            self.finished()
            self.collector.wake_leader()

    def finished(self) -> None:
        """Note that a job is done: if it was the last one of a closed pool, let the workers end."""
        if self.state == CLOSED and self.idle() and self.is_own:
            self.channel.close()
            self.collector.notify(self._all_done)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the closed pool's tasks are done and its workers have ended; return whether they have in time."""
        deadline = None if timeout is None else time.monotonic() + timeout
        if not self.wait(self._all_done, timeout):
            return False
        self.finished()
        if not self.channel.join(None if deadline is None else max(0.0, deadline - time.monotonic())):
            return False
        self._release()
        return True

    async def join_async(self, timeout: float | None = None) -> bool:
        """As `join`, in a task of an event loop."""
        deadline = None if timeout is None else time.monotonic() + timeout
        if not await self.wait_async(self._all_done, timeout):
            return False
        self.finished()
        if not await self.wait_async(self._over_target, None if deadline is None else deadline - time.monotonic()):
            return False
        self._release()  # the channel's thread is at its end
        return True

    async def terminate_async(self) -> None:
        """As `terminate`, in a task of an event loop; a cancellation leaves the workers ending."""
        if not self.is_own:
            return
        self.abandon()
        await self.wait_async(self._over_target)
        self._release()

    def terminate(self) -> None:
        """End the workers now; unfinished tasks fail."""
        if not self.is_own:
            return
        self.abandon()
        self._release()

    def _end_at_exit(self) -> None:
        if self.drains and self.broken is None and not _ended_by_interrupt() and self.is_own:
            self.close()
            try:
                self.join()
            except BaseException:  # Ctrl-C again: it is not to be waited for
                self.terminate()
                raise
        else:
            self.terminate()

    def abandon(self) -> None:
        """Have the workers ended; does not block, and may be called by a finalizer at any point."""
        if self.is_own:
            with self._ending:
                self.state = TERMINATED
            self.channel.wake()

    def drop(self) -> None:
        """Note that the pool is gone: :meth:`abandon`, and no caller will release the channel."""
        self._dropped = True
        self.abandon()

    def retire(self) -> None:
        """Have the channel's thread close the pool; does not block, and may be called by a finalizer at any point."""
        if self.is_own:
            self._retired = True
            self.channel.wake()

    def close_if_retired(self) -> None:
        """In the channel's thread: do what `retire` asked for."""
        if self._retired:
            self.close()

    def break_down(self, error: BaseException) -> None:
        """Note that no worker can be started: no task will run any more."""
        if self.broken is None:
            self.broken = error
            self.channel.wake()
            self.collector.notify(self._broken_target)

    def await_initializer_failure(self) -> None:
        """In the channel's thread: a worker has sent the error of its initializer; wait until it is received."""
        if not self.collector.wait(self._broken_target, 10.0):
            self.break_down(PoolBroken("the pool's initializer failed"))

    def workers_ended(self) -> None:
        """In the channel's thread, at its end: abort all jobs."""
        self._forget_exit()
        self._over = self.broken or ClosedError("the pool was terminated before this was done")
        self._forget_pool()
        self.jobs.abort(self._over)
        self._all_done.wake()
        self._over_target.wake()
        self.callback_thread.stop()
        self.collector.wake_leader()
        if self._dropped or self._retired:
            self.callback_thread.join()
            self.channel.release()

    def _release(self) -> None:
        """Wait for the threads and release the channel, unless the caller is one of those threads."""
        if self.channel.join() and self.callback_thread.join():
            self.channel.release()


def _ended_by_interrupt() -> bool:
    """Whether the program ended by Ctrl-C; in an interactive session that only ended one of its inputs."""
    last = getattr(sys, "last_type", None)
    return isinstance(last, type) and issubclass(last, KeyboardInterrupt) and not hasattr(sys, "ps1")


class _Control:
    """The job that takes the rows for the engine itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, rows: Iterable[Row]) -> None:
        for _, index, _, _, value in rows:
            if index != RESIZED:
                error = PoolBroken("the pool's initializer failed in a worker")
                self._engine.break_down(caused_by(error, error_of(value) if type(value) is Failure else value))

    def timeout_of(self, index: int) -> None:
        pass

    def priority_of(self, index: int) -> int:
        return 0

    def resend(self, index: int, n: int) -> None:
        pass

    def advance(self) -> None:
        """Where the number of workers has changed."""
        for job in self._engine.jobs.temporary().values():
            job.widen(self._engine.size)

    def close(self) -> None:
        pass

    def abort(self, error: BaseException) -> None:
        pass

    def withdraw(self) -> None:
        pass

    def widen(self, workers: int) -> None:
        pass


class _AllDone(Target):
    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    def is_ready(self) -> bool:
        return self._engine.idle()


class _Over(Target):
    """The channel's end, which no row tells."""

    may_collect = False

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    def is_ready(self) -> bool:
        return self._engine.is_over


class _Broken(Target):
    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    def is_ready(self) -> bool:
        return self._engine.broken is not None or self._engine.state == TERMINATED
