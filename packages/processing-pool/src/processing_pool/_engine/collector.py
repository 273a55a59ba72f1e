"""Collecting: which thread receives outcomes, and how they reach their jobs.

README.md of the package draws the whole flow.  Of the threads that wait for results one is the *leader* and receives
for all; the others are *waiters* and sleep, each on a lock of its own, until their target is ready or they are woken to
become the leader.  This is the pattern Leader/Followers (Schmidt et al., 2000).

A KeyboardInterrupt may come between any two bytecodes of the main thread, and must lose no result.  So:

- the kernel appends rows to ``_inbox`` itself: at no instant are they in a local variable only;
- a row stays in the inbox until its job has taken it, and a row that a job takes twice has the effect of one;
- whether a job is done is computed from the rows that have arrived, not counted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import groupby
from operator import itemgetter

from processing_core.annotations import TYPE_CHECKING, Protocol
from processing_core.lowlevel import ScopeGuard
from processing_pool._messages import CALLS, WAKE, Row

if TYPE_CHECKING:
    from processing_pool._engine.job import Job
    from processing_pool._engine.task_channel import TaskChannel

__all__ = ["Collector", "Target", "Waiter"]

LONGEST_SLEEP = 0.5
"""Seconds between two looks of a thread that sleeps: its wake-ups are hints."""

LARGEST_RECEIVE = 256
"""Rows that are taken before any is looked at."""


_JOB_ID = itemgetter(0)  # of a row


class Waiter(Protocol):
    """What a thread sleeps on: a lock; or what stands for it in an event loop."""

    def release(self) -> None:
        """Wake it."""


class Target:
    """Something that threads wait for."""

    __slots__ = ("__weakref__", "waiters")

    may_collect = True
    """Whether a row makes it ready, rather than another thread: then a thread that waits for it may be the leader."""

    def __init__(self) -> None:
        self.waiters: list[Waiter] = []

    def is_ready(self) -> bool:
        """Whether the wait for it is over."""
        raise NotImplementedError

    def wake(self) -> None:
        """Wake the threads that wait for it, because it may be ready."""
        if self.waiters:
            for waiter in list(self.waiters):
                _wake(waiter)


class Collector:
    """Receives rows from the channel and passes each to its job in ``jobs``, by the row's job id."""

    def __init__(self, channel: TaskChannel, jobs: Mapping[int, Job], dispatched: Callable[[], None]) -> None:
        self._channel = channel
        self._jobs = jobs
        self.dispatched: Callable[[], None] = dispatched  # is called after each dispatch
        self._inbox: list[Row] = []  # only the leader changes it
        # Held by the leader. Reentrant, because a signal handler or a finalizer of the leader's thread may use the
        # pool.
        lead = threading.RLock()
        self._try_lead, self._end_lead = partial(lead.acquire, False), lead.release
        self._collecting: list[Target] = []  # the targets that the leader waits for, the innermost last
        self._blamed: Job | None = None  # at which an error was met last
        self.waiters: dict[Waiter, None] = {}  # of the threads, and loops, that could become the leader

    def wait(self, target: Target, timeout: float | None = None) -> bool:
        """Wait until ``target`` is ready, as the leader if there is no other.

        :return: whether it is ready; ``False`` when the time was up.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        ready = collects = False
        if target.may_collect:
            try:
                with ScopeGuard(self._try_lead, self._end_lead) as collects:
                    if collects:
                        ready = self._collect(target, deadline)
            finally:
                if collects and self.waiters:
                    self.promote_waiter()
        if ready or target.is_ready():
            return True
        self._sleep(target, deadline)
        return target.is_ready()

    def collect_now(self) -> bool:
        """Receive and dispatch what is there, if no thread leads: whether it was so.  Does not wait.

        If it was so, the caller calls `promote_waiter` next.
        """
        with ScopeGuard(self._try_lead, self._end_lead) as collects:
            if collects:
                inbox = self._inbox
                self._channel.receive(LARGEST_RECEIVE, 0, inbox)
                while inbox:
                    self._dispatch()
                    self._channel.receive(LARGEST_RECEIVE, 0, inbox)
        return bool(collects)

    def notify(self, target: Target) -> None:
        """Wake every thread that waits for ``target``, which became ready without a row.

        One of them may be the leader, which sleeps in the channel.  It enters its target in ``_collecting`` before it
        tests it, and the caller made the target ready before it reads the list: one of the two sees the other.
        """
        target.wake()
        if target in self._collecting:
            self.wake_leader()

    def wake_leader(self) -> None:
        """Have the leader test its target."""
        self._channel.tell(CALLS, WAKE, None)

    def _collect(self, target: Target, deadline: float | None) -> bool:
        """As the leader: receive and dispatch until ``target`` is ready, or the time is up; whether it is ready."""
        receive, inbox, is_ready = self._channel.receive, self._inbox, target.is_ready
        left: float | None = None
        depth = len(self._collecting)
        try:
            self._collecting.append(target)
            while True:
                if inbox:
                    self._dispatch()
                if is_ready():
                    return True
                if deadline is not None:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        receive(LARGEST_RECEIVE, 0, inbox)
                        if not inbox:
                            return False
                        continue
                receive(LARGEST_RECEIVE, left, inbox)
        finally:
            del self._collecting[depth:]

    def _dispatch(self) -> None:
        inbox, job_of = self._inbox, self._jobs.get
        first, length = inbox[0], len(inbox)
        touched: dict[Job, None] = {}
        for job_id, rows in groupby(inbox, _JOB_ID):
            job = job_of(job_id)
            if job is None:
                continue  # it was abandoned
            touched[job] = None
            try:
                job.put(rows)
            except Exception as error:
                self._blame(job, error)
        for job in touched:
            try:
                job.advance()
            except Exception as error:
                self._blame(job, error)
        # Unless a nested call was here meanwhile.
        if inbox and inbox[0] is first:
            del inbox[:length]
        self._blamed = None
        self.dispatched()

    def _blame(self, job: Job, error: Exception) -> None:
        """Handle an error in the middle of a row.

        If a signal handler raised it, it belongs to the main thread's caller, and the row is dispatched again. An error
        that occurs again belongs to the job.
        """
        if self._blamed is not job and threading.current_thread() is threading.main_thread():
            self._blamed = job
            raise error
        self._blamed = None
        job.abort(error)

    def _sleep(self, target: Target, deadline: float | None) -> None:
        """Wait until the leader has made the target ready, or until this thread can be the leader."""
        waiter = threading.Lock()
        waiter.acquire()
        try:
            target.waiters.append(waiter)
            while not target.is_ready() and (deadline is None or time.monotonic() < deadline):
                if target.may_collect:
                    self.waiters[waiter] = None
                    # This is tried after the waiter is listed: a leader that ends after this wakes it.
                    with ScopeGuard(self._try_lead, self._end_lead) as collects:
                        if collects:
                            self._collect(target, deadline)
                    if collects:
                        continue
                waiter.acquire(True, min(LONGEST_SLEEP, _left(deadline)))
        finally:
            self.waiters.pop(waiter, None)
            self.promote_waiter()
            try:
                target.waiters.remove(waiter)
            except ValueError:
                pass  # it was interrupted before it was listed

    def promote_waiter(self) -> None:
        """Wake a thread that could be the next leader, because there may be none.

        It is only a hint: if an exception of a signal handler prevents it, the waiters test for themselves within a
        slice.  A waiter leaves the list as it is woken, so one whose thread was interrupted costs one waking at most.
        """
        for waiter in list(self.waiters):
            if self.waiters.pop(waiter, waiter) is None:
                _wake(waiter)
                return


def _wake(waiter: Waiter) -> None:
    try:
        waiter.release()
    except RuntimeError:
        pass  # it was woken before and has not looked yet


def _left(deadline: float | None) -> float:
    """The remaining time as a timeout of ``Lock.acquire``."""
    return LONGEST_SLEEP if deadline is None else max(0.0, deadline - time.monotonic())
