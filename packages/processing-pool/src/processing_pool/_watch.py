"""The watch: what the supervisor does for tasks that are alive: stops them, spreads them, and runs them again.

To stop a task is to kill its worker.  So that nobody else's task is hit, the worker is first *doomed* in shared memory,
by a CAS on the very word that said which item it runs: from then on it begins nothing (``kernel/work.h``).

The watch costs nothing while no job asks for it.  A timeout is exact although nobody tells when a task begins: with a
shortest timeout T, what begins after a look cannot be late before T after it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

from processing_core.annotations import TYPE_CHECKING, Any
from processing_core.lowlevel import Claims
from processing_pool._attempts import Resending
from processing_pool._memory import resident
from processing_pool._messages import CANCELLED, CONTROL, TIMED_OUT, TOO_LARGE

if TYPE_CHECKING:
    from processing_pool._engine import Engine

__all__ = ["Look", "Watch"]

BALANCE = 0.01
"""Seconds between two looks whether one worker is idle while another holds a backlog."""
LONG = 0.002
"""Seconds that an item must run before what waits behind it is given to others: less is not worth a message."""
WEIGH = 0.05
"""Seconds between two looks at the workers' memory."""
TICK = 0.01
"""Seconds by which an item may have begun later than its claim says (``kernel/batch.c``)."""
SOONEST = 0.002
"""Seconds between two looks, at the least."""

Look = tuple[int, int, int, int, bool, int, int, int]
"""As the kernel gives it: (a, b, next, end, running, finished, began, word)."""


class Watch:
    """Looks at what the workers are about.

    ``guard`` stands for: who is at which place, and why it was doomed.  Whoever dooms holds it until the victim has its
    signal, so that it never goes to a successor.
    """

    def __init__(self, engine: Engine, claims: Claims, processes: list[Any], max_memory: int | None) -> None:
        self._engine = engine
        self._claims = claims
        self._processes = processes
        self._max_memory = max_memory
        self.guard: AbstractContextManager[bool] = threading.RLock()
        self.why: dict[int, tuple[Any, ...]] = {}  # by place
        self._due: dict[tuple[int, int], tuple[float, Resending]] = {}  # by the task's numbers
        self._next_timeout: float = math.inf

    # -- from any thread ----------------------------------------------------------------------------

    def later(self, job: Resending, b: int, delay: float) -> None:
        """Send a task again after so many seconds."""
        self._due[job.cell, b] = time.monotonic() + delay, job

    def forget(self, a: int, b: int) -> None:
        """Do not send a task again."""
        self._due.pop((a, b), None)

    def keeps(self, a: int, b: int) -> bool:
        """Whether a task is to be sent again."""
        return (a, b) in self._due

    def cancel(self, a: int, b: int | None = None) -> bool:
        """Stop a task that was taken, or every one of a job; whether there was one that has no result yet."""
        with self.guard:
            return sum([self._cancel_at(place, a, b) for place, _ in self._looks()]) > 0

    def _cancel_at(self, place: int, a: int, b: int | None) -> bool:
        while (look := self._claims.look(place)) is not None:
            if look[0] != a or b not in (None, look[1]) or look[5] >= look[3]:
                return False
            if self.doom(place, look, (CANCELLED,)):
                return True
        return False

    def runs(self, a: int, b: int) -> bool:
        """Whether a worker runs this task."""
        return any(look[:2] == (a, b) and look[4] for _, look in self._looks())

    def doom(self, place: int, look: Look, why: tuple[Any, ...]) -> bool:
        """End the worker at ``place``, if it is still as it was at that look."""
        with self.guard:
            if not self._claims.doom(place, look[7]):
                return False
            self.why[place] = why
            if self._processes[place] is not None:
                self._processes[place].kill()
            return True

    # -- in the supervisor --------------------------------------------------------------------------

    def pause(self) -> float | None:
        """Seconds until the next look; ``None`` for when something happens."""
        waits = [self._next_look()]
        if self._engine.batched:
            waits.append(BALANCE)
        if self._max_memory is not None:
            waits.append(WEIGH)
        if self._due:
            waits.append(min(due for due, _ in list(self._due.values())) - time.monotonic())
        pause = min(waits)
        return None if math.isinf(pause) else max(SOONEST, pause)

    def look(self) -> None:
        """Do what is due."""
        self._send_again()
        if self._engine.timed:
            self._enforce_timeouts()
        if self._engine.batched:
            self._balance()
        if self._max_memory is not None:
            self._weigh(self._max_memory)

    def _looks(self) -> Iterator[tuple[int, Look]]:
        claims: Claims | None = self.__dict__.get("_claims")
        if claims is None:
            return
        for place in range(len(self._processes)):
            look = claims.look(place)
            if look is not None and look[0] != CONTROL:
                yield place, look

    def release(self) -> None:
        """Let go of the arena."""
        with self.guard:
            self.__dict__.pop("_claims", None)

    def _send_again(self) -> None:
        now = time.monotonic()
        for key, (due, job) in list(self._due.items()):
            if due <= now and self._due.pop(key, None) is not None:
                try:
                    job.resend(key[1], 1)
                except MemoryError:
                    self._due[key] = now + WEIGH, job  # the arena is full; again in a moment

    def _next_look(self) -> float:
        timed = self._engine.timed
        if not timed:
            self._next_timeout = math.inf
            return math.inf
        shortest = min(list(timed.values()), default=math.inf)
        return min(self._next_timeout - time.monotonic(), shortest)

    def _enforce_timeouts(self) -> None:
        self._next_timeout = math.inf
        for place, look in self._looks():
            allowed = self._engine.timeout_of(look[0], look[1] + max(0, look[2] - 1)) if look[4] else None
            if allowed is None:
                continue
            left = look[6] / 1e9 + TICK + allowed - time.monotonic()
            if left > 0:
                self._next_timeout = min(self._next_timeout, time.monotonic() + left)
            else:
                self.doom(place, look, (TIMED_OUT, allowed))

    def _weigh(self, limit: int) -> None:
        for place, process in enumerate(self._processes):
            used = resident(process.pid) if process is not None and process.pid is not None else 0
            look = self._claims.look(place) if used > limit else None
            if look is not None:
                self.doom(place, look, (TOO_LARGE, used, limit))

    def _balance(self) -> None:
        """Give what waits behind a long item to those who have nothing to do."""
        if not self._engine.tasks.empty():
            return  # they are about to take something
        looks = [self._claims.look(place) for place in range(len(self._processes))]
        idle = sum(look is not None and not look[4] for look in looks)
        for place, look in enumerate(looks):
            if idle and look is not None and look[4] and look[3] > look[2] and _age(look) >= LONG:
                n = math.ceil((look[3] - look[2]) * idle / (idle + 1))
                if self._claims.revoke(place, look[7], n):
                    self._engine.resend(look[0], look[1] + look[3] - n, n)


def _age(look: Look) -> float:
    return time.monotonic() - look[6] / 1e9
