"""The monitor: it stops tasks of living workers, moves tasks to idle workers, and sends tasks again.

To stop a task, the monitor kills its worker. So that no other task is affected, it first marks the worker in shared
memory as stopped, by a CAS on the word that says which item the worker runs: from then on the worker begins no item
(``kernel/queues/claim.h``).

The monitor costs nothing while no job needs it.  Timeouts are exact although no message says when a task begins: if the
shortest timeout is T, a task that begins after a look cannot exceed its timeout before T after that look.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from processing_core import ClosedError
from processing_core.annotations import TYPE_CHECKING, Any
from processing_core.lowlevel import TaskQueue, ThreadRLock
from processing_pool._engine.job_table import JobTable
from processing_pool._messages import CANCELLED, CONTROL, TIMED_OUT, TOO_LARGE
from processing_pool._platform import resident
from processing_pool._supervision.claim_table import ClaimTable, Look

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from processing_pool._engine.task_channel import Resendable

__all__ = ["Monitor"]

INFINITE = float("inf")
BALANCE_INTERVAL = 0.01
"""Seconds between two looks whether one worker is idle while another has items that it has not begun."""
LINGER = 3
"""Further looks after the last such job has ended: if maps follow one another, not each has to wake the supervisor."""
LONG_ITEM = 0.002
"""Seconds that an item must run before what waits behind it is given to others: less is not worth a message."""
MEMORY_INTERVAL = 0.05
"""Seconds between two looks at the workers' memory."""
CLOCK_ERROR = 0.01
"""Seconds by which an item may have begun later than its claim says (``kernel/pool/batch.c``)."""
SHORTEST_PAUSE = 0.002
"""Seconds between two looks, at the least."""


class Monitor:
    """Looks at the tasks that the workers run.

    ``guard`` guards which process has which worker id, and why it was stopped. A thread that stops a worker holds
    ``guard`` until it has sent the signal, so that the signal never reaches a successor.
    """

    def __init__(
        self, jobs: JobTable, tasks: TaskQueue[Any], claims: ClaimTable, processes: list[Any], max_memory: int | None
    ) -> None:
        self._tasks: TaskQueue[Any] | None = tasks
        self._claims_or_none: ClaimTable | None = claims
        self._jobs = jobs
        self._batched: set[int] = set()  # the ids of jobs that are balanced
        self._looks_soon = False  # whether the supervisor looks for such jobs within an interval, without being woken
        self._lingering = 0
        self._processes = processes
        self._max_memory = max_memory
        self.guard: AbstractContextManager[bool] = ThreadRLock()
        self.why: dict[int, tuple[Any, ...]] = {}  # by worker id
        self._due: dict[tuple[int, int], tuple[float, Resendable]] = {}  # by job id and index
        self._next_timeout: float = INFINITE

    # -- from any thread ----------------------------------------------------------------------------

    def balance(self, job_id: int) -> bool:
        """From now on give items of this job that wait behind another to idle workers.

        :return: whether the supervisor must be woken for that. It need not if it looks soon: `pause` clears
            ``_looks_soon`` before it looks for such jobs, and this function reads it after it has entered one.
        """
        self._batched.add(job_id)
        return not self._looks_soon

    def send_later(self, job: Resendable, index: int, delay: float) -> None:
        """Send a task again after ``delay`` seconds."""
        self._due[job.job_id, index] = time.monotonic() + delay, job

    def forget(self, job_id: int, index: int) -> None:
        """Do not send a task again."""
        self._due.pop((job_id, index), None)

    def is_waiting(self, job_id: int, index: int) -> bool:
        """Whether a task is to be sent again."""
        return (job_id, index) in self._due

    def cancel(self, job_id: int, index: int | None = None) -> bool:
        """Stop a task that a worker has taken, or every such task of a job; return whether one had no result."""
        with self.guard:
            return sum([self._cancel_at(worker_id, job_id, index) for worker_id, _ in self._looks()]) > 0

    def _cancel_at(self, worker_id: int, job_id: int, index: int | None) -> bool:
        while (look := self._claims.look(worker_id)) is not None:
            if look[0] != job_id or index not in (None, look[1]) or look[5] >= look[3]:
                return False
            if self.stop(worker_id, look, (CANCELLED,)):
                return True
        return False

    def is_running(self, job_id: int, index: int) -> bool:
        """Whether a worker runs this task."""
        return any(look[:2] == (job_id, index) and look[4] for _, look in self._looks())

    def taken(self, job_id: int) -> list[tuple[int, int]]:
        """The ranges of items of a job that workers have taken."""
        return [(look[1], look[1] + look[3]) for _, look in self._looks() if look[0] == job_id]

    def stop(self, worker_id: int, look: Look, why: tuple[Any, ...]) -> bool:
        """End a worker, if its claim has not changed since that look."""
        with self.guard:
            if not self._claims.stop(worker_id, look[7]):
                return False
            self.why[worker_id] = why
            if self._processes[worker_id] is not None:
                self._processes[worker_id].kill()
            return True

    # -- in the supervisor --------------------------------------------------------------------------

    def pause(self) -> float | None:
        """Seconds until the next look; ``None`` if only an event makes one necessary."""
        waits = [self._next_look()]
        self._looks_soon = False
        if self._batched or self._lingering:
            self._looks_soon = True
            waits.append(BALANCE_INTERVAL)
        if self._max_memory is not None:
            waits.append(MEMORY_INTERVAL)
        if self._due:
            waits.append(min((due for due, _ in list(self._due.values())), default=INFINITE) - time.monotonic())
        pause = min(waits)
        return None if pause == INFINITE else max(SHORTEST_PAUSE, pause)

    def look(self) -> None:
        """Enforce timeouts and the memory limit, balance, and send tasks again, as far as it is time."""
        self._send_again()
        if self._jobs.timed:
            self._enforce_timeouts()
        if self._batched:
            self._lingering = LINGER
            self._balance()
        elif self._lingering:
            self._lingering -= 1
        if self._max_memory is not None:
            self._enforce_memory_limit(self._max_memory)

    def _looks(self) -> Iterator[tuple[int, Look]]:
        claims = self._claims_or_none
        if claims is None:
            return
        for worker_id in range(len(self._processes)):
            look = claims.look(worker_id)
            if look is not None and look[0] != CONTROL:
                yield worker_id, look

    def release(self) -> None:
        """Release the shared memory."""
        with self.guard:
            self._claims_or_none = self._tasks = None

    @property
    def _claims(self) -> ClaimTable:
        if self._claims_or_none is None:
            raise ClosedError("the pool's workers have ended")
        return self._claims_or_none

    def _send_again(self) -> None:
        now = time.monotonic()
        for key, (due, job) in list(self._due.items()):
            if due <= now and self._due.pop(key, None) is not None:
                try:
                    job.resend(key[1], 1)
                except MemoryError:
                    self._due[key] = now + MEMORY_INTERVAL, job  # the arena is full; again in a moment

    def _next_look(self) -> float:
        timed = self._jobs.timed
        if not timed:
            self._next_timeout = INFINITE
            return INFINITE
        shortest = min(list(timed.values()), default=INFINITE)
        return min(self._next_timeout - time.monotonic(), shortest)

    def _enforce_timeouts(self) -> None:
        self._next_timeout = INFINITE
        for worker_id, look in self._looks():
            allowed = self._jobs.timeout_of(look[0], look[1] + max(0, look[2] - 1)) if look[4] else None
            if allowed is None:
                continue
            left = look[6] / 1e9 + CLOCK_ERROR + allowed - time.monotonic()
            if left > 0:
                self._next_timeout = min(self._next_timeout, time.monotonic() + left)
            else:
                self.stop(worker_id, look, (TIMED_OUT, allowed))

    def _enforce_memory_limit(self, limit: int) -> None:
        for worker_id, process in enumerate(self._processes):
            used = resident(process.pid) if process is not None and process.pid is not None else 0
            look = self._claims.look(worker_id) if used > limit else None
            if look is not None:
                self.stop(worker_id, look, (TOO_LARGE, used, limit))

    def _balance(self) -> None:
        """Give items that wait behind a long item to idle workers."""
        self._batched.difference_update([job_id for job_id in list(self._batched) if job_id not in self._jobs.by_id])
        if self._tasks is None or not self._tasks.empty():
            return  # the idle workers are about to take a task
        looks = [self._claims.look(worker_id) for worker_id in range(len(self._processes))]
        idle = sum(look is not None and not look[4] for look in looks)
        for worker_id, look in enumerate(looks):
            if idle and look is not None and look[4] and look[3] > look[2] and _age(look) >= LONG_ITEM:
                n = -(-(look[3] - look[2]) * idle // (idle + 1))  # rounded up
                if self._claims.revoke(worker_id, look[7], n):
                    self._jobs.resend(look[0], look[1] + look[3] - n, n)


def _age(look: Look) -> float:
    return time.monotonic() - look[6] / 1e9
