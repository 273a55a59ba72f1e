"""Supervision: a thread that starts a pool's workers, notices that they die, reports it and replaces them.

The thread sleeps in ``poll`` on the workers' sentinels, so it costs nothing while no worker dies, and reacts at once.
The supervisor reports a dead worker's tasks *through the ring of results*, after all rows that the worker itself had
sent: so when the report of a death is dispatched, the task is either done already, or it died with its worker.  The
supervisor first sends results that the worker had saved and not sent; items that it had not begun are sent again.
`monitor` watches the tasks of living workers.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from types import BuiltinFunctionType

from processing_core import BaseContext, ClosedError, get_logger
from processing_core.annotations import TYPE_CHECKING, Any, NamedTuple
from processing_core.lowlevel import (
    READABLE,
    SIGKILL,
    DaemonThread,
    Handle,
    Poller,
    ThreadRLock,
    caused_by,
    drain,
    follow_main_thread,
    imports_under_way,
    interrupts_blocked,
    keep_private,
    open_pipe,
    ring,
    set_idle,
    set_nonblocking,
    without_forks,
)
from processing_pool._errors import PoolBroken
from processing_pool._messages import CONTROL, INITIALIZER_FAILED, OUT_OF_MEMORY, Death
from processing_pool._outcomes import ending
from processing_pool._platform import OutOfMemory
from processing_pool._supervision.claim_table import ClaimTable
from processing_pool._supervision.monitor import Monitor
from processing_pool._supervision.statistics import Statistics
from processing_pool._worker import MODULE, work
from processing_pool._worker.setup import find_libraries

if TYPE_CHECKING:
    from processing_pool._engine.task_channel import ChannelOwner, Resendable
    from processing_pool._stats import PoolStats
    from processing_pool._supervision.backlog import Backlog, Sending
    from processing_pool._worker.setup import WorkerConfig

__all__ = ["Supervisor"]

UNREADY_DEATHS = 3
"""Workers that may die before any worker was ever ready for a task."""
UNREADY_DEATHS_PERIOD = 60.0
"""Seconds for which workers may die unready, one after another, after others had been ready: another process may be
killing them, or the system may lack memory for a while."""
TERMINATION_TIME = 0.5
"""Seconds between SIGTERM and SIGKILL."""
BACKLOG_INTERVAL = 0.01
"""Seconds until the backlog is looked at if no outcome arrives: a cancelled message leaves the ring without one."""
STOPPED = 1
"""The bit in the word of a claim that says that its worker begins nothing more."""
RETRY_INTERVAL = 0.1
"""Seconds until the supervisor tries again what failed for want of memory or processes."""
LONGEST_IMPORT = 5.0
"""Seconds for which it does not fork while another thread imports a module."""


class Unfinished(NamedTuple):
    """The unfinished parts of a dead worker's last message; a part that has been reported is `None`."""

    job_id: int
    saved: tuple[int, int, bytes] | None
    """(index of the first, how many, bytes): results to send."""
    died: tuple[int, Death] | None
    """The item that died with it."""
    rest: tuple[int, int] | None
    """(index of the first, how many): items that were not begun."""

    def is_waiting(self, job_id: int, index: int) -> bool:
        """Whether an item is one of those that were not begun."""
        first, n = self.rest or (0, 0)
        return self.job_id == job_id and first <= index < first + n


class Supervisor:
    """Starts, watches, replaces and ends the workers; ``processes`` is indexed by their ids.

    Workers with an id of ``size`` or more, which there are after a `resize`, end when their tasks are done.
    """

    def __init__(
        self, owner: ChannelOwner, context: BaseContext, config: WorkerConfig, size: int, max_memory: int | None = None
    ) -> None:
        self._owner = owner
        self._context = context
        self._forks = context.get_start_method(allow_none=True) == "fork"
        self._config_or_none: WorkerConfig | None = config
        self.size: int = size
        self.processes: list[Any] = [None] * size
        self._claims_or_none: ClaimTable | None = ClaimTable(
            config.claims, size, (_cell(config.tasks), _cell(config.results))
        )
        self._leaving: set[int] = set()  # the ids of workers that were told to end
        self._backlog: Backlog | None = None  # if there are priorities
        self._may_idle = config.idle_timeout is not None
        # Workers have ended for want of tasks; set before the ring is looked at, and read after a put.
        self._missing = False
        self._start_delayed = False  # for want of memory or processes, or to await an import: try again soon
        self._imports: set[str] = imports_under_way(of_caller=True)  # the program may be one of them
        self._awaits_imports_until: float | None = None
        self._statistics = Statistics()
        self._unready_deaths = 0
        self._last_ready: float | None = None  # when a worker was last seen to be ready
        self._unfinished: list[Unfinished] = []  # of dead workers, not reported yet
        self._out_of_memory = OutOfMemory()
        self.monitor: Monitor = Monitor(owner.jobs, config.tasks, self.claims, self.processes, max_memory)
        with without_forks():
            self._woken, self._waker = map(keep_private, open_pipe())
        set_nonblocking(self._waker.fileno())
        # Guards that the pipe is open: else a byte could go to a file that got the number of a closed descriptor.
        self._pipe_guard = ThreadRLock()
        self.thread: threading.Thread = DaemonThread(self._run, name="processing pool's supervisor")

    def start(self) -> None:
        """Start the workers, and the thread.

        :raises Exception: if a worker cannot be started; then none is left.
        """
        if self._forks:
            import_module(MODULE)  # once, and not in each worker
            if self._config.setup.threads is not None:
                find_libraries()  # likewise
        try:
            for worker_id in range(len(self.processes)):
                self._start_worker(worker_id)
            self.thread.start()
        except BaseException:
            self._owner.abandon()  # the thread, if it has begun or is about to, ends at once
            self.join()
            self._end_workers()
            self._close_pipe()
            raise

    def wake(self) -> None:
        """Have the thread look at the owner's state. May be called by signal handlers and finalizers."""
        with self._pipe_guard:
            if self._waker.is_open():
                with suppress(OSError):  # it is gone
                    ring(self._waker.fileno())

    def wake_if_missing(self) -> None:
        """Have workers started for tasks that were sent, if some have ended for want of tasks."""
        if self._missing:
            self.wake()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until all workers have ended; blocks.

        :return: ``False`` if the time was up, or this is the thread that ends them.
        """
        if self.thread is threading.current_thread():
            return False
        if self.thread.ident is not None:
            self.thread.join(timeout)
        return not self.thread.is_alive()

    # -- the thread ---------------------------------------------------------------------------------

    def kill(self) -> None:
        """End the workers at once.  Does not block; unless the pool ends, they are replaced."""
        with self.monitor.guard:
            for process in self.processes:
                if process is not None:
                    process.kill()

    def resize(self, size: int) -> None:
        """Have another number of workers.  Does not block: the thread starts them, and has those end that are too many.

        :raises MemoryError: if the arena has no room; then nothing has changed.
        """
        with self.monitor.guard:
            config = self._config
            self.claims.grow(size)
            self.processes.extend([None] * (size - len(self.processes)))
            self._config_or_none = config._replace(setup=config.setup.shared_by(size))
            self.size = size
        self.wake()

    def prioritize(self, sending: Sending) -> Backlog:
        """The backlog, through which all tasks are sent from now on; ``sending`` is what it sends by."""
        with self.monitor.guard:
            if self._backlog is None:
                from processing_pool._supervision.backlog import Backlog

                tasks = self._config.tasks
                self._backlog = Backlog(self._owner.jobs, tasks, sending, lambda: self.size, self.wake)
                self.wake()
            return self._backlog

    def feed(self) -> None:
        """Have the thread send what waits in the backlog, as far as there is room."""
        backlog = self._backlog
        if backlog is not None and not backlog.is_empty():
            self.wake()

    def is_waiting(self, job_id: int, index: int) -> bool:
        """Whether a task waits to be sent, for the first time or again."""
        backlog = self._backlog
        return (
            (backlog is not None and backlog.is_waiting(job_id, index))
            or self.monitor.is_waiting(job_id, index)
            or any(unfinished.is_waiting(job_id, index) for unfinished in list(self._unfinished))
        )

    def stats(self) -> PoolStats:
        """What the workers have done."""
        with self.monitor.guard:
            return self._statistics.read(self.processes, self._claims_or_none)

    def send_later(self, job: Resendable, index: int, delay: float) -> None:
        """Send a task again after ``delay`` seconds."""
        self.monitor.send_later(job, index, delay)
        self.wake()

    def balance(self, job_id: int) -> None:
        """From now on give items of this job that wait behind another to idle workers."""
        if self.monitor.balance(job_id):
            self.wake()

    def _run(self) -> None:
        set_idle(True)
        try:
            while not self._owner.terminating and (any(self.processes) or self._owner.needs_workers()):
                self._sleep()
                self._owner.close_if_retired()
                for worker_id, process in enumerate(self.processes):
                    # Asked once it is dead: who kills it says before that the pool ends, and that fails its task.
                    if process is not None and process.exitcode is not None and not self._owner.terminating:
                        self._reap(worker_id, process)
                self._report()
                self.monitor.look()
                if self._backlog is not None:
                    self._backlog.release()
                self._retire_surplus()
                self._replace_workers()
        except BaseException:
            import traceback  # here, for its import takes 2 ms

            self._owner.break_down(PoolBroken("the pool's supervisor failed:\n" + traceback.format_exc()))
        finally:
            self._end_workers()
            self._close_pipe()
            self._owner.workers_ended()

    def _sleep(self) -> None:
        poller = Poller()
        poller.register(self._woken.fileno(), READABLE)
        for process in self.processes:
            if process is not None:
                poller.register(process.sentinel, READABLE)
        pause = self.monitor.pause()
        if self._unfinished or self._start_delayed:
            pause = RETRY_INTERVAL if pause is None else min(RETRY_INTERVAL, pause)
        if self._backlog is not None and not self._backlog.is_empty():
            pause = BACKLOG_INTERVAL if pause is None else min(BACKLOG_INTERVAL, pause)
        if any(fd == self._woken.fileno() for fd, _ in poller.poll(None if pause is None else pause * 1000)):
            drain(self._woken.fileno())

    def _reap(self, worker_id: int, process: Any) -> None:
        exitcode, pid, error = process.exitcode, process.pid, process.exception
        process.join()
        claims = self.claims
        self._config.tasks._recover_claims()  # from now on the claim of the dead worker is exact
        if any(claims.read(other) for other in range(len(self.processes))):
            self._unready_deaths, self._last_ready = 0, time.monotonic()
        with self.monitor.guard:
            claim = claims.read(worker_id)
            why = self.monitor.why.pop(worker_id, ()) or self._hint(exitcode)
            if claim is not None and claim[0] != CONTROL:
                self._unfinished.append(self._unfinished_of(worker_id, Death(pid, exitcode, why)))
            self._statistics.end(worker_id, process, claims, died=exitcode != 0)
            claims.clear(worker_id)
            self.processes[worker_id] = None
        self._leaving.discard(worker_id)
        if claim is None:
            self._died_unready(pid, exitcode, error)
        elif claim == (CONTROL, INITIALIZER_FAILED):
            self._owner.await_initializer_failure()

    def _hint(self, exitcode: int | None) -> tuple[str, ...]:
        return (OUT_OF_MEMORY,) if exitcode == -SIGKILL and self._out_of_memory.has_killed() else ()

    def _unfinished_of(self, worker_id: int, death: Death) -> Unfinished:
        look = self.claims.look(worker_id)
        assert look is not None
        job_id, index, begun, end, _, finished, _, _ = look
        n, first, results = self.claims.saved(worker_id)
        return Unfinished(
            job_id,
            (index + first, n, results) if n else None,
            (index + begun - 1, death) if finished < begun else None,
            (index + begun, end - begun) if begun < end else None,
        )

    def _died_unready(self, pid: int | None, exitcode: int | None, error: BaseException | None) -> None:
        self._unready_deaths += 1
        tolerated = self._last_ready is not None and time.monotonic() - self._last_ready < UNREADY_DEATHS_PERIOD
        if tolerated or self._owner.terminating:
            return
        if error is not None and not isinstance(
            error, (OSError, MemoryError)
        ):  # the next worker would fail in the same way
            why = f"a worker, process {pid}, failed before it was ready for a task: {type(error).__name__}: {error}"
            self._owner.break_down(caused_by(PoolBroken(why), error))
        elif self._unready_deaths >= UNREADY_DEATHS:
            why = (
                f"{self._unready_deaths} workers, one after another, died before they were ready for a task: "
                f"the last, process {pid}, {ending(exitcode)}"
            )
            broken = PoolBroken(why)
            self._owner.break_down(broken if error is None else caused_by(broken, error))

    def _report(self) -> None:
        try:
            while self._unfinished:
                self._report_one(self._unfinished[0])
                del self._unfinished[0]
        except MemoryError:
            return  # the arena is full: try again soon. A report that arrives twice counts once

    def _report_one(self, unfinished: Unfinished) -> None:
        results = self._config.results
        if unfinished.saved is not None:
            results._send_saved(unfinished.job_id, *unfinished.saved)
        if unfinished.died is not None:
            results._send(unfinished.job_id, *unfinished.died)
        if unfinished.rest is not None:
            self._unfinished[0] = unfinished._replace(saved=None, died=None)
            self._owner.jobs.resend(unfinished.job_id, *unfinished.rest)

    def _retire_surplus(self) -> None:
        """Have the workers end that are too many: each finishes the task that it runs, and begins no other."""
        surplus = {i for i, process in enumerate(self.processes) if process is not None and i >= self.size}
        if surplus := surplus - self._leaving:
            for worker_id in surplus:
                self.claims.retire(worker_id)
            self._leaving |= surplus
            self._config.tasks._rouse()

    def _to_start(self) -> list[int]:
        """The ids of the workers that are to be started: all that there are not, or as many as tasks wait for."""
        absent = [i for i, process in enumerate(self.processes[: self.size]) if process is None]
        self._missing = self._may_idle and bool(absent)
        if self._missing:
            waiting = self._config.tasks.qsize()
            return absent[: max(0, waiting - sum(map(self._is_free, range(self.size))))] if waiting else []
        return absent

    def _is_free(self, worker_id: int) -> bool:
        """Whether a worker is about to take a task, perhaps once it has started."""
        if self.processes[worker_id] is None or worker_id in self._leaving:
            return False
        look = self.claims.look(worker_id)
        return look is None or not (look[4] or look[7] & STOPPED)

    def _replace_workers(self) -> None:
        self._start_delayed = False
        absent = self._to_start()
        if absent and self._forks and self._awaits_imports():
            self._start_delayed = True
            return
        for worker_id in absent:
            if self._owner.needs_workers():
                follow_main_thread()
                try:
                    self._start_worker(worker_id)
                except (OSError, MemoryError):
                    self._start_delayed = True  # the system gives no process or no memory: try again soon
                    return

    def _awaits_imports(self) -> bool:
        """Whether another thread imports a module, of which a worker that is forked now would have a half.

        Not for ever, for the import may itself wait for a worker.
        """
        if imports_under_way() <= self._imports:
            self._awaits_imports_until = None
            return False
        now = time.monotonic()
        if self._awaits_imports_until is None:
            self._awaits_imports_until = now + LONGEST_IMPORT
        return now < self._awaits_imports_until

    def _start_worker(self, worker_id: int) -> None:
        self._statistics.start(worker_id)
        claims, slot = self.claims.slot(worker_id)
        config = self._config._replace(claims=claims)
        process = self._context.Process(target=work, args=(config, worker_id, slot), daemon=True)
        process.name = process.name.replace("Process", "PoolWorker")
        process._forwards_logs = config.setup.forward_logs
        process._variables = config.setup.variables()
        process._reports_start_failure = False  # the pool's error has it as its cause
        # A worker blocks SIGINT until it ignores it.
        with interrupts_blocked():
            try:
                self._start_process(process)
                with self.monitor.guard:
                    self.processes[worker_id] = process
                    if worker_id in self.monitor.why:
                        process.kill()  # it was stopped before it was listed
            except BaseException:
                if process.pid is not None:
                    self.processes[worker_id] = process  # so that it is ended with the others
                raise

    def _start_process(self, process: Any) -> None:
        if self._forks:
            process._warns_of_threads = False  # the child uses no lock that another thread of this process may hold
        if not self._forks or isinstance(os.fork, BuiltinFunctionType):
            process.start()
            return
        with warnings.catch_warnings():  # another's function, which calls the interpreter's
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            process.start()

    # -- the end ------------------------------------------------------------------------------------

    def _end_workers(self) -> None:
        deadline = time.monotonic() + TERMINATION_TIME
        for end in (_terminate, partial(_kill, deadline=deadline), _join):
            for process in self.processes:
                if process is not None:
                    _try_step(end, process)
        with self.monitor.guard:
            for worker_id, process in enumerate(self.processes):
                if process is not None:
                    self._statistics.end(worker_id, process, self.claims, died=False)
            self.processes[:] = [None] * len(self.processes)

    @property
    def _config(self) -> WorkerConfig:
        if self._config_or_none is None:
            raise ClosedError("the pool's workers have ended")
        return self._config_or_none

    @property
    def claims(self) -> ClaimTable:
        """The claims of the workers, by their ids."""
        if self._claims_or_none is None:
            raise ClosedError("the pool's workers have ended")
        return self._claims_or_none

    def _close_pipe(self) -> None:
        with self._pipe_guard:
            self._woken.close()
            self._waker.close()

    def release(self) -> None:
        """Release the shared memory."""
        self._config_or_none = None
        self._claims_or_none = self._backlog = None
        self.monitor.release()


def _cell(ring: Handle) -> int:
    index, generation = ring.cell
    return generation << 32 | index


def _terminate(process: Any) -> None:
    process.terminate()


def _kill(process: Any, deadline: float) -> None:
    process.join(max(0.0, deadline - time.monotonic()))
    if process.exitcode is None:
        process.kill()


def _join(process: Any) -> None:
    process.join()


def _try_step(end: Callable[[Any], None], process: Any) -> None:
    """Do one step of ending a worker; if it raises, the other workers and the pool end all the same."""
    try:
        end(process)
    except OSError as error:
        get_logger().warning("%s could not be ended: %s", process, error)
