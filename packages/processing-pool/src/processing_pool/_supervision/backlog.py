"""The backlog: tasks that wait in the parent, so that those of higher priority are sent before them.

The ring of tasks is first in, first out.  From the first task on that has a priority, no more messages are put into it
than there are workers; what comes beyond waits here, as (job, index), and the supervisor's thread has the job send it
when the ring has room: as what is returned by a dead worker.  So a job that is cancelled or over sends nothing.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable

from processing_core.annotations import Any, NamedTuple, TypeAlias
from processing_core.lowlevel import TaskQueue
from processing_pool._engine.job_table import JobTable
from processing_pool._messages import CALLS, failure_of

__all__ = ["Backlog", "Sending"]

Entry: TypeAlias = "tuple[int, int, int, int, int]"
"""(the priority negated, a number that grows, the job's id, the first item, the item behind the last)"""


class Sending(NamedTuple):
    """What puts messages into the rings; described at `TaskChannel`."""

    send: Callable[..., Any]
    send_many: Callable[..., Any]
    send_batch: Callable[..., Any]
    tell: Callable[..., Any]


class Backlog:
    """Sends tasks to the ring, or keeps them until it has room.

    :param sending: what puts messages into the ring.
    :param capacity: how many messages may be in it.
    :param wake: has the supervisor's thread call `release`.
    """

    def __init__(
        self,
        jobs: JobTable,
        tasks: TaskQueue[Any],
        sending: Sending,
        capacity: Callable[[], int],
        wake: Callable[[], None],
    ) -> None:
        self._jobs = jobs
        self._tasks = tasks
        self._sending = sending
        self._capacity = capacity
        self._wake = wake
        self._numbers = itertools.count(1)
        self._inbox: deque[Entry] = deque()  # any thread appends to it
        self._heap: list[Entry] = []  # of the supervisor's thread
        self._calls: set[int] = set()  # the indexes of the calls that wait
        self._has_begun = False  # what was in the ring was taken back; until then nothing overtakes it
        self._releaser: int | None = None  # the thread that releases, while it does

    # -- from any thread ----------------------------------------------------------------------------

    def send(self, job_id: int, index: int, item: Any, /) -> Any:
        """Send an item, now or later; as `TaskChannel.send`."""
        if self._has_room(1):
            if job_id == CALLS:
                self._calls.discard(index)
            return self._sending.send(job_id, index, item)
        if job_id == CALLS:
            self._calls.add(index)
        self._keep(job_id, index, index + 1, [0])
        return 0

    def send_many(self, job_id: int, index: int, items: list[Any], progress: list[int], *failures: Any) -> Any:
        """Send items, now or later; as `TaskChannel.send_many`, but of what is sent later, failures are outcomes."""
        if self._has_room(len(items)):
            return self._sending.send_many(job_id, index, items, progress, *failures)
        self._keep(job_id, index, index + len(items), progress)
        return None

    def send_batch(self, job_id: int, index: int, items: list[Any] | range, progress: list[int], /) -> Any:
        """Send items together now, or each by itself later; as `TaskChannel.send_batch`."""
        if self._has_room(1):
            return self._sending.send_batch(job_id, index, items, progress)
        self._keep(job_id, index, index + len(items), progress)
        return None

    def _has_room(self, n: int) -> bool:
        if self._releaser == threading.get_ident():
            return True
        waits = self._inbox or self._heap or not self._has_begun
        return not waits and self._tasks.qsize() + n <= self._capacity()

    def _keep(self, job_id: int, first: int, end: int, progress: list[int]) -> None:
        entry = -self._jobs.priority_of(job_id, first), next(self._numbers), job_id, first, end
        progress[0] = end
        self._inbox.append(entry)  # no signal is handled between the two: they are done both or none
        self._wake()

    def is_waiting(self, job_id: int, index: int) -> bool:
        """Whether a call waits here."""
        return job_id == CALLS and index in self._calls

    def is_empty(self) -> bool:
        """Whether nothing waits here."""
        return self._has_begun and not self._inbox and not self._heap

    # -- in the supervisor --------------------------------------------------------------------------

    def release(self) -> None:
        """Send what has the highest priority, as far as the ring has room."""
        if not self._has_begun:
            self._jobs.by_id[CALLS].take_back(self._keep_call)
            self._has_begun = True
        while self._inbox:
            heapq.heappush(self._heap, self._inbox.popleft())
        self._releaser = threading.get_ident()
        try:
            while self._heap and self._tasks.qsize() < self._capacity() and self._send_first():
                pass
        finally:
            self._releaser = None

    def _keep_call(self, index: int) -> None:
        """A call was taken back from the ring: it comes before those of its priority that were never there."""
        self._calls.add(index)
        heapq.heappush(self._heap, (-self._jobs.priority_of(CALLS, index), 0, CALLS, index, index + 1))

    def _send_first(self) -> bool:
        """Send one item; return whether there was memory for it."""
        order, number, job_id, index, end = self._heap[0]
        try:
            self._jobs.resend(job_id, index, 1)
        except MemoryError:
            return False  # the arena is full: again in a moment
        except BaseException as error:  # of its pickling
            self._sending.tell(job_id, index, failure_of(error))
        if job_id == CALLS:
            self._calls.discard(index)
        if index + 1 < end:
            self._heap[0] = order, number, job_id, index + 1, end  # the order is the same, for no number is there twice
        else:
            heapq.heappop(self._heap)
        return True
