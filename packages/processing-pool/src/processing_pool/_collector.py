"""Collecting: who takes results from the ring, and how they reach whom they are for.

README.md beside this file draws the whole flow.  Any thread that waits for a result collects for all;
one at a time, which is to hold the *role*.  The others sleep, each on a lock of its own, until their target is ready
or the role is handed to them.

A KeyboardInterrupt may strike between any two bytecodes of the main thread, and must not lose anybody's result.  So:

- the kernel appends rows to ``_inbox`` itself: there is no moment at which they stand in a local variable only;
- a row stays in the inbox until its job has it, and jobs take a row twice as if it had come once;
- what is "done" is computed from what has arrived, not counted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from processing_core.annotations import Any, Protocol
from processing_core.lowlevel import Queue
from processing_pool._messages import CALLS, KICK, Row

__all__ = ["Collector", "Job", "Target"]

BATCH = 256
"""Rows that are taken before any is looked at."""


class Job(Protocol):
    """What rows are for."""

    def put(self, b: int, n: int, ok: bool | list[int], value: Any) -> None:
        """Take one row; taking it twice is as taking it once."""

    def advance(self) -> None:
        """Some rows were put: look what follows from it."""

    def abort(self, error: BaseException) -> None:
        """Nothing more will come."""

    def close(self) -> None:
        """The pool was closed."""


class Target:
    """Something that threads wait for."""

    __slots__ = ("__weakref__", "_beds")

    may_collect = True
    """Whether a row makes it ready, rather than another thread: then who waits for it may collect."""

    def __init__(self) -> None:
        self._beds: list[threading.Lock] = []

    def is_ready(self) -> bool:
        """Whether the waiting is over."""
        raise NotImplementedError

    def wake(self) -> None:
        """It may be ready: let those who sleep look."""
        if self._beds:
            for bed in tuple(self._beds):
                _wake(bed)


class Collector:
    """Takes rows from ``results`` and gives them to ``jobs``, by their first number."""

    def __init__(self, results: Queue[Any], jobs: Mapping[int, Job], dispatched: Callable[[], None]) -> None:
        self._results = results
        self._jobs = jobs
        self._dispatched = dispatched
        self._inbox: list[Row] = []  # guarded by the role
        # The role.  Reentrant, for a signal handler or a finalizer may use the pool in the middle of it.
        self._role = threading.RLock()
        self._beds: dict[threading.Lock, None] = {}  # of those who could take the role over

    def wait(self, target: Target, timeout: float | None = None) -> bool:
        """Wait until ``target`` is ready, collecting if nobody else does.

        :return: whether it is ready; ``False`` when the time was up.
        """
        if target.is_ready():
            return True
        deadline = None if timeout is None else time.monotonic() + timeout
        if target.may_collect and self._role.acquire(False):
            try:
                self._collect(target, deadline)
            finally:
                self._role.release()
                self._hand_over()
        if not target.is_ready():
            self._sleep(target, deadline)
        return target.is_ready()

    def kick(self) -> None:
        """Make whoever collects look at its target."""
        self.send(CALLS, KICK, None)

    def send(self, a: int, b: int, value: object) -> None:
        """Put a row of the parent's own into the ring."""
        results = self.__dict__.get("_results")
        if results is not None:
            results._send(a, b, value)

    def release(self) -> None:
        """Let go of the arena: nothing will come any more."""
        self.__dict__.pop("_results", None)

    def _collect(self, target: Target, deadline: float | None) -> None:
        receive, inbox, is_ready = self._results._receive_many, self._inbox, target.is_ready
        left: float | None = None
        while True:
            if inbox:
                self._dispatch()
            if is_ready():
                return
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0:
                    receive(BATCH, 0, inbox)
                    if not inbox:
                        return
                    continue
            receive(BATCH, left, inbox)

    def _dispatch(self) -> None:
        inbox, job_of = self._inbox, self._jobs.get
        first, length = inbox[0], len(inbox)
        touched: dict[Job, None] = {}
        last = None
        for a, b, n, ok, value in inbox:
            job = job_of(a)
            if job is None:
                continue  # it was abandoned
            if job is not last:
                touched[job] = None
                last = job
            try:
                job.put(b, n, ok, value)
            except Exception as error:
                job.abort(error)
        for job in touched:
            try:
                job.advance()
            except Exception as error:
                job.abort(error)
        # Unless a nested call was here meanwhile.
        if inbox and inbox[0] is first:
            del inbox[:length]
        self._dispatched()

    def _sleep(self, target: Target, deadline: float | None) -> None:
        """Wait for another thread's dispatching, or for the role."""
        bed = threading.Lock()
        bed.acquire()
        target._beds.append(bed)
        if target.may_collect:
            self._beds[bed] = None
        try:
            while not target.is_ready():
                # Tried only now that the bed is known: who gives the role up later wakes it, who did before left it.
                if target.may_collect and self._role.acquire(False):
                    try:
                        self._collect(target, deadline)
                    finally:
                        self._role.release()
                elif not bed.acquire(True, _left(deadline)):
                    return
                if deadline is not None and time.monotonic() >= deadline:
                    return
        finally:
            target._beds.remove(bed)
            self._beds.pop(bed, None)
            self._hand_over()

    def _hand_over(self) -> None:
        """The role may be free: wake one who could take it."""
        for bed in tuple(self._beds):
            _wake(bed)
            return


def _wake(bed: threading.Lock) -> None:
    try:
        bed.release()
    except RuntimeError:
        pass  # it was woken before and has not looked yet


def _left(deadline: float | None) -> float:
    """What ``Lock.acquire`` takes for a timeout."""
    return -1 if deadline is None else max(0.0, min(deadline - time.monotonic(), threading.TIMEOUT_MAX))
