"""The interface between a pool's jobs and its workers.

A `TaskChannel` sends tasks, each with the id of its job and its index in it, to the workers, and returns their
outcomes.  The engine, the jobs and the results know nothing else of what runs the tasks, so there can be another
implementation, for instance with workers on other machines. The workers of
`processing_pool._supervision.process_channel` are processes of this machine.
"""

from __future__ import annotations

from collections.abc import Callable

from processing_core.annotations import Any, Protocol
from processing_pool._engine.job import Job
from processing_pool._engine.job_table import JobTable
from processing_pool._messages import Row

__all__ = ["Call", "ChannelOwner", "PackedFunction", "Resendable", "TaskChannel"]


class PackedFunction(Protocol):
    """The function of a job, stored once for all of its tasks, as long as this object is kept."""

    @property
    def job_id(self) -> int:
        """The id of the job, which its tasks and their outcomes have. No other unfinished job has it."""


class Call(Protocol):
    """A task by itself: a function with its arguments."""

    index: int
    """Its number among the calls."""
    task: Any
    """(function, args, kwds)"""
    packed: object
    """For the channel: what must be kept until the outcome has come."""
    ticket: int
    """For the channel: what it finds the call by that it sent last."""


class Resendable(Job, Protocol):
    """A job with its id."""

    job_id: int


class ChannelOwner(Protocol):
    """The engine, as its channel sees it.  Any thread of the channel may call it."""

    @property
    def jobs(self) -> JobTable:
        """The jobs: to ask one to send items again, and how long an item may run."""

    @property
    def terminating(self) -> bool:
        """Whether all tasks shall end at once."""

    def needs_workers(self) -> bool:
        """Whether further tasks may be sent. If not, the channel ends when no task is left."""

    def abandon(self) -> None:
        """Have all tasks end at once."""

    def close_if_retired(self) -> None:
        """Close the pool if a finalizer has asked for it; called after each `TaskChannel.wake`."""

    def break_down(self, error: BaseException) -> None:
        """Note that no task will run any more, for this reason."""

    def await_initializer_failure(self) -> None:
        """Wait until the reason has been received for which the initializer failed.  Blocks for 10 s at most."""

    def workers_ended(self) -> None:
        """The last call of a channel: no task runs any more, and no further outcome will be sent."""


class TaskChannel(Protocol):
    """Runs the tasks of a pool.

    For each index that is sent, one outcome is received, unless it was cancelled, or several that are equal: a value,
    or one of the kinds of `processing_pool._messages`.  Thread-safe.  Apart from `receive`, `join` and `start` nothing
    blocks for longer than sending takes.

    Every task passes through `send`, `send_many`, `send_batch`, `receive` and `tell`: an implementation may have
    functions as attributes of these names, to save a call.

    A channel may have a method ``observe(observer: Observer) -> int``: the next outcome tells the observer the key that
    it returns, once. Then event loops collect without a thread.
    """

    @property
    def capacity(self) -> int:
        """The largest number of tasks that run at the same time."""

    @property
    def target_time(self) -> float:
        """Seconds that half of a job's window should take at least, so that sending costs little beside the tasks."""

    @property
    def grain(self) -> int:
        """Items that a message of a map should have at first, if nothing is known of its function."""

    @property
    def balances(self) -> bool:
        """Whether `balance` does something: if so, maps of a function that was quick begin with larger messages."""

    def start(self, owner: ChannelOwner) -> None:
        """Begin to run the tasks that are sent.

        :raises Exception: if that is not possible; then nothing is left.
        """

    def resize(self, size: int) -> None:
        """Have another capacity.  Does not block: tasks that run are finished first where it becomes smaller.

        :raises Exception: if that is not possible; then nothing has changed.
        """

    def pack(self, function: Callable[..., Any], star: bool) -> PackedFunction:
        """Store the function of a job and give the job its id.

        :param star: whether an item is the tuple of the arguments, rather than the argument.
        """

    def submit(self, call: Call) -> None:
        """Send a call; it may be sent again when its outcome was received.

        :raises Exception: if it cannot be pickled, or the channel has ended.
        """

    def send(self, job_id: int, index: int, item: Any, /) -> Any:
        """Send one item.

        :raises Exception: as :meth:`submit`.
        """

    def send_many(
        self,
        job_id: int,
        index: int,
        items: list[Any],
        progress: list[int],
        failures: list[tuple[int, BaseException]] = ...,
        /,
    ) -> Any:
        """Send consecutive items, each by itself.

        :param index: the index of the first.
        :param progress: ``progress[0]`` is set to the index after the last item that was sent or left out, even if an
            exception is raised.
        :param failures: gets (index, reason) of each item that cannot be pickled, which is left out.
        """

    def send_batch(self, job_id: int, index: int, items: list[Any] | range, progress: list[int], /) -> Any:
        """Send consecutive items together: one worker gets them and runs them one after another.

        :param progress: as for :meth:`send_many`; either all are sent or none.
        :raises BufferError: if the items are so large that each should be sent by itself.
        :raises Exception: if one of them cannot be pickled.
        """

    def prioritize(self) -> None:
        """From now on, send the tasks first that have the highest `JobTable.priority_of`.  May be called again."""

    def feed(self) -> None:
        """Outcomes have arrived: send more of what waits for its turn, if there are priorities."""

    def balance(self, job_id: int) -> None:
        """From now on, until the job is done, give items that wait behind a long item of a batch to idle workers."""

    def send_later(self, job: Resendable, index: int, delay: float) -> None:
        """Call ``job.resend(index, 1)`` after ``delay`` seconds."""

    def forget(self, job_id: int, index: int) -> None:
        """Undo :meth:`send_later`."""

    def is_waiting(self, job_id: int, index: int) -> bool:
        """Whether the task is to be sent again, and was not yet."""

    def is_running(self, job_id: int, index: int) -> bool:
        """Whether the task was begun and has not ended."""

    def take_back(self, call: Call) -> bool:
        """Cancel a call if no worker has taken it; return whether it was so."""

    def cancel_queued(self, job_id: int) -> None:
        """Cancel the tasks of a job that no worker has taken."""

    def taken(self, job_id: int) -> list[tuple[int, int]]:
        """The ranges ``[first, end)`` of the items of a job that workers have taken, and of which outcomes will come.

        There may be more in them: the results that were sent before.
        """

    def cancel_running(self, job_id: int, index: int | None = None) -> None:
        """Stop a task, or all tasks of a job, that a worker has taken.  Those without an outcome end as cancelled."""

    def receive(self, limit: int, timeout: float | None, rows: list[Row], /) -> Any:
        """Append the next outcomes to ``rows``.  Blocks until there is one.  One thread at a time calls it.

        :param limit: rows at the most.
        :param timeout: seconds; ``None`` waits for ever.
        """

    def tell(self, job_id: int, index: int, outcome: object, /) -> Any:
        """Send an outcome to the collector, after those that were sent already. After `release` it does nothing."""

    def wake(self) -> None:
        """Look at the owner's state and at the time limits again.  A signal handler and a finalizer may call it."""

    def close(self) -> None:
        """Note that no more tasks will be sent: the channel ends when all are done."""

    def kill(self) -> None:
        """Stop all running tasks at once."""

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the channel has ended.  Blocks.

        :param timeout: seconds; ``None`` waits for ever.
        :return: ``False`` if the time was up, or the caller is the thread that ends it.
        """

    def release(self) -> None:
        """Release the channel's resources, after its end.  May be called twice."""
