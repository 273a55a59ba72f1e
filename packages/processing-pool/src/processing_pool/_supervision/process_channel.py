"""The channel to worker processes: rings in shared memory, and the supervisor of the processes.

A task is in one of three places: in the ring of tasks; then in the claim of the worker that took it; then with the
supervisor, if the worker died, or if the task is to be run again.
"""

from __future__ import annotations

from collections.abc import Callable

from processing_core import BaseContext, ClosedError
from processing_core.annotations import TYPE_CHECKING, Any, NoReturn
from processing_core.lowlevel import Claims, Observer, TaskQueue
from processing_pool._jobs.window import HALF_WINDOW_TIME
from processing_pool._messages import CALLS
from processing_pool._supervision.supervisor import Supervisor
from processing_pool._worker.functions import ITEM, STAR, FunctionParcel, FunctionParcels, runnable, uncallable
from processing_pool._worker.setup import WorkerConfig, WorkerSetup

if TYPE_CHECKING:
    from processing_pool._engine.task_channel import Call, ChannelOwner, Resendable
    from processing_pool._stats import PoolStats

__all__ = ["ProcessChannel"]

LAST = (1 << 64) - 1


class ProcessChannel:
    """A `TaskChannel` whose workers are processes. Methods without a docstring are described there.

    :param context: makes the processes.
    :param size: how many there are at first.
    :param max_memory: resident bytes that each may have; ``None`` for no limit.
    """

    target_time = HALF_WINDOW_TIME
    grain = 1
    balances = True

    def __init__(
        self,
        context: BaseContext,
        size: int,
        initializer: Callable[..., object] | None,
        initargs: tuple[Any, ...],
        max_tasks: int | None,
        max_memory: int | None,
        on_exit: Callable[[], object] | None,
        of_executor: bool,
        setup: WorkerSetup,
        idle_timeout: float | None,
    ) -> None:
        self.capacity: int = size
        tasks: TaskQueue[Any] = TaskQueue()
        results: TaskQueue[Any] = TaskQueue()
        self._tasks: TaskQueue[Any] | None = tasks
        self._results: TaskQueue[Any] | None = results
        self._traffic = 0, 0  # bytes sent and received, once the rings are gone
        self._parcels = FunctionParcels()
        self.send: Callable[[int, int, Any], Any] = tasks._send
        self.send_many: Callable[..., Any] = tasks._send_many
        self.send_batch: Callable[..., Any] = tasks._send_batch
        if idle_timeout is not None:
            self.send, self.send_many = self._then_start(self.send), self._then_start(self.send_many)
            self.send_batch = self._then_start(self.send_batch)
        self.receive: Callable[..., Any] = results._receive_many
        self.tell: Callable[[int, int, object], Any] = results._send
        self.observe: Callable[[Observer], int] = results._observe
        self._config = WorkerConfig(
            tasks, results, Claims(size), initializer, initargs, max_tasks, on_exit, of_executor, setup, idle_timeout
        )
        self._context = context
        self._max_memory = max_memory
        # Until it is started, there is nothing to wake, to release and to wait for.
        self.wake: Callable[[], None] = _do_nothing
        self._release_supervisor: Callable[[], None] = _do_nothing
        self.join: Callable[..., bool] = _has_ended

    def start(self, owner: ChannelOwner) -> None:
        """Start the workers and the supervisor's thread."""
        supervisor = Supervisor(owner, self._context, self._config, self.capacity, self._max_memory)
        self.supervisor: Supervisor = supervisor
        self.wake = supervisor.wake
        self._release_supervisor = supervisor.release
        self.kill: Callable[[], None] = supervisor.kill
        self.join = supervisor.join
        self.feed: Callable[[], None] = supervisor.feed
        self.balance: Callable[[int], None] = supervisor.balance
        self.send_later: Callable[[Resendable, int, float], None] = supervisor.send_later
        self.is_waiting: Callable[[int, int], bool] = supervisor.is_waiting
        self.forget: Callable[[int, int], None] = supervisor.monitor.forget
        self.taken: Callable[[int], list[tuple[int, int]]] = supervisor.monitor.taken
        self.is_running: Callable[[int, int], bool] = supervisor.monitor.is_running
        self.cancel_running: Callable[..., Any] = supervisor.monitor.cancel
        del self._config
        supervisor.start()

    def _then_start(self, send: Callable[..., Any]) -> Callable[..., Any]:
        """A function that sends, and then has workers started if some have ended for want of tasks."""

        def send_and_start(*message: Any) -> Any:
            try:
                return send(*message)
            finally:
                self.supervisor.wake_if_missing()

        return send_and_start

    def resize(self, size: int) -> None:
        """Have another number of workers."""
        self.supervisor.resize(size)
        self.capacity = size

    def prioritize(self) -> None:
        """Keep tasks back from now on, so that those of higher priority are sent first."""
        from processing_pool._supervision.backlog import Sending  # here, for few programs have priorities

        backlog = self.supervisor.prioritize(Sending(self.send, self.send_many, self.send_batch, self.tell))
        self.send, self.send_many, self.send_batch = backlog.send, backlog.send_many, backlog.send_batch

    def pack(self, function: Callable[..., Any], star: bool) -> FunctionParcel:
        """Pickle the function; the job's id is the cell of the parcel with the pickle."""
        return FunctionParcel(STAR if star else ITEM, runnable(function))

    def submit(self, call: Call) -> None:
        """Send a call; for a function that is pickled by its name, the message has the id of its parcel instead."""
        function, args, kwds = call.task
        if not callable(function):
            function, args, kwds = uncallable, (type(function).__name__,), {}
        packed = self._parcels.get(function)
        if packed is not None:
            call.packed = packed
            function = packed.job_id
        else:
            function = runnable(function)
        call.ticket = self.send(CALLS, call.index, (function, args, kwds))

    def take_back(self, call: Call) -> bool:
        """Cancel the call in the ring of tasks; return whether it was there."""
        tasks = self._tasks
        return tasks is not None and tasks._cancel(CALLS, call.index, call.index, call.ticket) > 0

    def cancel_queued(self, job_id: int) -> None:
        """Cancel a job's messages in the ring of tasks."""
        if (tasks := self._tasks) is not None:
            tasks._cancel(job_id, 0, LAST)

    def close(self) -> None:
        """Shut the ring of tasks: workers that find it empty end."""
        if (tasks := self._tasks) is not None:
            tasks._shut()
            self.wake()

    def stats(self) -> PoolStats:
        """What the workers have done, and what was sent to them and by them."""
        sent, received = self._bytes()
        return self.supervisor.stats()._replace(bytes_sent=sent, bytes_received=received)

    def _bytes(self) -> tuple[int, int]:
        tasks, results = self._tasks, self._results
        if tasks is None or results is None:
            return self._traffic
        return tasks._bytes_put(), results._bytes_put()

    def release(self) -> None:
        """Release the shared memory."""
        self._traffic = self._bytes()
        self._tasks = self._results = None
        self._parcels = FunctionParcels()
        self.send = self.send_many = self.send_batch = self.receive = self.observe = _refuse
        self.tell = _ignore
        self._release_supervisor()


def _refuse(*_: object) -> NoReturn:
    raise ClosedError("the pool's workers have ended")


def _ignore(job_id: int, index: int, outcome: object) -> None:
    """Ignore the outcome: no thread receives it any more."""


def _do_nothing() -> None:
    pass


def _has_ended(timeout: float | None = None) -> bool:
    return True
