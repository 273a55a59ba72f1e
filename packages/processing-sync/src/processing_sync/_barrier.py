"""`Barrier`, at which a number of parties wait for each other.

The state is a row of 64-bit words in the arena, guarded by the lock of the barrier's condition::

    [ phase | when to look next | party | party | ... ]

A *party* is a thread that has arrived and not left yet: its word names its process by slot and serial. The number of
words that are not 0 is the number of parties.

    GATHERING   parties arrive, until there are enough           ──► LEAVING, by the last
    LEAVING     they leave; one that arrives waits for the next  ──► GATHERING, by the last to leave
    RESETTING   the same, but they leave with an error           ──► GATHERING, by the last to leave
    BROKEN      all leave with an error, new ones at once        ──► by reset

Once every `_SLICE` seconds one of the waiting parties tests whether all are alive. If a party died while others wait
for it, the barrier breaks; a party that died while it was leaving is only removed. If a process dies while it holds the
lock, for instance in the action, the barrier breaks, too.
"""

from __future__ import annotations

import operator
import threading
import time
from collections.abc import Callable
from functools import partial
from threading import BrokenBarrierError

from processing_core import NotHeldError, OwnerDied, lowlevel
from processing_core.annotations import Any, TypeVar
from processing_sync._awaitable_barrier import AwaitableBarrier
from processing_sync._condition import Condition
from processing_sync._introspection import Waiter
from processing_sync._lock import RLock

__all__ = ["Barrier"]

_T = TypeVar("_T")

_SLICE = 0.4
"""Seconds between two tests whether the parties are alive."""

_GATHERING, _LEAVING, _RESETTING, _BROKEN = range(4)
_PHASE, _NEXT_LOOK, _PARTIES = 0, 1, 2  # words
_SLOT_BITS = 16
_OWN = frozenset(["_lock", "_condition", "_block", "_words", "_action", "_timeout"])  # attributes


class Barrier(AwaitableBarrier, threading.Barrier):
    """A place where threads of several processes wait for each other; it can be sent anywhere in the family.

    When ``parties`` threads have called `wait`, all of them go on, and the barrier can be used again. If the wait of
    one of them ends by its timeout or by `abort`, or if its process dies, the others get
    :exc:`threading.BrokenBarrierError` within a second, and so does every later `wait` until `reset`.

    Process- and thread-safe; not signal-safe.

    :param parties: how many meet, at least 1.
    :param action: called by one of them, when all have come and before any goes on, under the barrier's lock; if it
        raises, the barrier is broken.  It is sent with the barrier.
    :param timeout: seconds that `wait` waits where it is given none; ``None`` waits for ever.
    :param ctx: for compatibility; nothing depends on it.
    :raises TypeError: if ``parties`` is not an integer.
    :raises ValueError: if ``parties`` is less than 1.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> barrier = processing.Barrier(1, action=lambda: print("all here"))
    >>> barrier.wait()
    all here
    0
    """

    _lock: RLock
    _condition: Condition
    _block: lowlevel.Block
    _words: memoryview[int]
    _action: Callable[[], object] | None
    _timeout: float | None

    def __init__(
        self,
        parties: int,
        action: Callable[[], object] | None = None,
        timeout: float | None = None,
        *,
        ctx: object = None,
    ) -> None:
        if (count := operator.index(parties)) < 1:
            raise ValueError(f"parties {parties!r}: there must be at least one")
        lock = RLock()
        # Not that of a program's class, which gets what its own `__getstate__` returns.
        Barrier.__setstate__(self, (lock, Condition(lock), lowlevel.Block(8 * (_PARTIES + count)), action, timeout, {}))

    def wait(self, timeout: float | None = None) -> int:
        """Wait until all parties have come.

        Blocks; a signal handler that raises interrupts it, and the others go on waiting.

        :param timeout: seconds; ``None`` for the barrier's own timeout. When they are over, the barrier is broken.
        :return: a number from 0 to ``parties`` - 1, another for each party.
        :raises threading.BrokenBarrierError: if the barrier is broken, or is broken or reset meanwhile.
        :raises TypeError: if ``timeout`` is not a number.
        """
        timeout = lowlevel.checked_timeout(self._timeout if timeout is None else timeout)
        return self._locked(partial(self._wait_in_turn, timeout))

    def reset(self) -> None:
        """Reset the barrier to its initial state; threads that wait get :exc:`threading.BrokenBarrierError`.

        Does not block, but for the action.
        """
        self._locked(self._reset)

    def abort(self) -> None:
        """Break the barrier; every present and later `wait` raises :exc:`threading.BrokenBarrierError`.

        Does not block, but for the action.
        """
        self._locked(partial(self._change, _BROKEN))

    @property
    def parties(self) -> int:
        """How many must come."""
        return len(self._words) - _PARTIES

    @property
    def n_waiting(self) -> int:
        """How many wait now."""
        return self._present() if self._phase == _GATHERING else 0

    @property
    def waiters(self) -> list[Waiter]:
        """The threads that wait in it now, or that wait until the last has left it; does not block."""
        return self._condition.waiters

    @property
    def broken(self) -> bool:
        """Whether it is broken."""
        return self._phase == _BROKEN

    # -- all that follows is called with the lock held --

    @property
    def _phase(self) -> int:
        return self._words[_PHASE]

    def _wait_in_turn(self, timeout: float | None) -> int:
        self._await_entry()
        words, index, place, me = self._words, self._present(), self._free_index(), self._me()
        try:
            words[place] = me  # an interrupt from here on gives it back
            if index + 1 == self.parties:
                self._complete()
            else:
                self._await_others(None if timeout is None else time.monotonic() + timeout)
        finally:
            words[place] = 0  # before any call, in which another interrupt could come
            self._finish_if_empty()
        return index

    def _reset(self) -> None:
        self._remove_dead()
        if not self._present():
            self._change(_GATHERING)
        elif self._phase in (_GATHERING, _BROKEN):
            self._change(_RESETTING)

    def _present(self) -> int:
        return sum(map(bool, self._words[_PARTIES:]))

    def _change(self, phase: int) -> None:
        self._words[_PHASE] = phase
        self._condition.notify_all()

    def _await_entry(self) -> None:
        while self._phase in (_LEAVING, _RESETTING):
            if not self._pause(_SLICE):
                self._look_after()
        self._require(_GATHERING)

    def _free_index(self) -> int:
        return next(place for place in range(_PARTIES, len(self._words)) if not self._words[place])

    @staticmethod
    def _me() -> int:
        slot, serial = lowlevel.member() or (0, 0)
        return serial << _SLOT_BITS | slot

    def _finish_if_empty(self) -> None:
        if self._phase in (_LEAVING, _RESETTING) and not self._present():
            self._change(_GATHERING)

    def _complete(self) -> None:
        try:
            if self._action is not None:
                self._action()
        except BaseException:
            self._change(_BROKEN)
            raise
        self._require(_GATHERING)  # the action may have called abort
        self._change(_LEAVING)

    def _await_others(self, deadline: float | None) -> None:
        with lowlevel.LongWait(self._condition.cell, deadline) as waiting:
            self._await_in_slices(deadline, waiting)
        self._require(_LEAVING)

    def _await_in_slices(self, deadline: float | None, waiting: lowlevel.LongWait) -> None:
        while self._phase == _GATHERING:
            left = _SLICE if deadline is None else min(_SLICE, deadline - time.monotonic())
            if left <= 0:
                self._change(_BROKEN)
            elif not self._pause(left):
                self._look_after()
                waiting.look()

    def _require(self, phase: int) -> None:
        if self._phase != phase:
            raise BrokenBarrierError

    # -- for tasks --

    def _is_emptying(self) -> bool:
        if self._phase in (_LEAVING, _RESETTING):
            return True
        self._require(_GATHERING)
        return False

    def _is_gathering(self) -> bool:
        return self._phase == _GATHERING

    def _arrive(self) -> tuple[int, int]:
        """The party's word, and its number."""
        index, place = self._present(), self._free_index()
        self._words[place] = self._me()
        return place, index

    def _go(self, place: int) -> None:
        self._words[place] = 0
        self._finish_if_empty()

    def _break(self) -> None:
        self._change(_BROKEN)

    def _require_leaving(self) -> None:
        self._require(_LEAVING)

    def _someone_died(self) -> bool:
        return any(word and not _lives(word) for word in self._words[_PARTIES:])

    def _bury(self) -> None:
        if self._remove_dead() and self._phase == _GATHERING:
            self._change(_BROKEN)
        self._finish_if_empty()

    # -- the dead --

    def _look_after(self) -> None:
        """Check once a slice, by the process that comes first, whether all parties live."""
        now = time.monotonic_ns()
        if now < self._words[_NEXT_LOOK]:
            return
        self._words[_NEXT_LOOK] = now + int(_SLICE * 0.9e9)
        self._bury()

    def _remove_dead(self) -> int:
        dead = 0
        for place in range(_PARTIES, len(self._words)):
            word = self._words[place]
            if word and not _lives(word):
                self._words[place] = 0
                dead += 1
        return dead

    def _pause(self, seconds: float) -> bool:
        try:
            return self._condition.wait(seconds)
        except OwnerDied:  # and then the lock is not held
            self._acquire()
            return False

    def _locked(self, function: Callable[[], _T]) -> _T:
        """What a function returns that is called with the lock held.

        At its end the lock may not be held: the wait for it, after a dead owner, may have been interrupted.
        """
        while True:
            entered = False
            try:
                with lowlevel.ScopeGuard(self._lock.acquire, self._lock._release_owned):
                    entered = True
                    return function()
            except OwnerDied:
                if entered:  # it is of another lock, in the action
                    raise
            self._repair()

    def _acquire(self) -> None:
        while True:
            try:
                self._lock.acquire()
                return
            except OwnerDied:
                self._repair()

    def _repair(self) -> None:
        """What a dead owner left is sound, for each step changes one word; but its action was not completed."""
        try:
            with self._lock.recover():
                self._words[_PHASE] = _BROKEN
        except NotHeldError:
            lowlevel.yield_processor()  # another does it

    # -- travelling, and being shown --

    def __getstate__(self) -> tuple[Any, ...]:
        added = lowlevel.added_attributes(self, _OWN)
        return self._lock, self._condition, self._block, self._action, self._timeout, added

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._lock, self._condition, self._block, self._action, self._timeout, added = state
        self._words = memoryview(self._block).cast("Q")
        self.__dict__.update(added)

    def __eq__(self, other: object) -> bool:
        return self._block == other._block if isinstance(other, Barrier) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._block)

    def __repr__(self) -> str:
        kind = f"{type(self).__module__}.{type(self).__qualname__} at {id(self):#x}"
        state = "broken" if self.broken else f"waiters={self.n_waiting}/{self.parties}"
        return f"<{kind}: {state}>"


def _lives(word: int) -> bool:
    return lowlevel.alive(word & (1 << _SLOT_BITS) - 1, word >> _SLOT_BITS)


lowlevel.register_factory("Barrier", Barrier)
