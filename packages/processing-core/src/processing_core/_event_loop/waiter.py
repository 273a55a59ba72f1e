"""The one waiter of an event loop, for any number of waits.

::

    tasks ── Wait, by key ──▶ LoopWaiter ── one descriptor ──▶ the loop
                                  │
            a set of descriptors: ├── the observer, which is told the keys of what changed (kernel/arena/observers.h)
                                  ├── a pidfd of every other member, from the first wait on
                                  └── the descriptors that tasks wait for

A wait takes nothing. A task registers the observer, tries the operation without waiting, and sleeps only if it was not
possible; when it is told, it tries again, and if that fails, it registers again and tries once more before it sleeps.
So a wait that succeeds leaves no registration, by which the next change would be told to no wait. The try and the
return to the task's code are one step of the loop, so a cancellation, which comes only while the task sleeps, finds
nothing taken.

Of several waits for one key only the first is woken: what changed may serve just one. No wake-up is lost, because
while waits for a key sleep, the observer is registered, or its notification is on its way, or one of them was woken and
has not ended its turn. It has three ends. If it succeeds, there may be more, so it wakes the next; if it is cancelled
it took nothing, and wakes the next, too. If it fails, it has registered before its last try, so it will be told of the
next change; until then there is nothing that another wait could take either. A wait that does not say `one`, such as an
event's, keeps nothing from the next, which is woken too.

A process that is killed between a change and its notification tells no observer; so at each death all waits try again.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Awaitable, Callable

from processing_core._family import ensure_family
from processing_core._fds.descriptors import Descriptor, open_pidfd, open_set
from processing_core._forks import keep_private, without_forks
from processing_core._native import _kernel
from processing_core._platform import READABLE, SET_STAYS_READABLE

__all__ = ["LoopWaiter", "Wait"]

_TURNS = 16  # looks of which one is at all descriptors, while the observer is told all the time
_SLICE = 0.4  # seconds between two looks where a member cannot be watched: this process may open no more descriptors


def _do_nothing() -> None:
    pass


class Wait:
    """One task's wait.

    :param one: whether what it waits for may serve only one wait.
    """

    __slots__ = ("one", "told", "wake")

    def __init__(self, one: bool) -> None:
        self.one: bool = one
        self.told: bool = False
        self.wake: Callable[[], object] = _do_nothing  # lets the task go on; does nothing while it runs


class LoopWaiter:
    """What an event loop waits by; used in the loop's thread only."""

    def __init__(self) -> None:
        ensure_family()
        self._waits: dict[int, dict[Wait, None]] = {}  # by key: what an observer is told, or -1 - descriptor
        self._masks: dict[int, int] = {}  # of the descriptors that the set waits for, for tasks
        self._members: dict[int, Descriptor] = {}  # the pidfds, by number
        self._serials: set[int] = set()  # of the members that are watched
        self._blind = False  # whether some member is not
        self._numbers = itertools.count(1)
        self._looks = 0  # at the observer alone, since the last one at all descriptors
        with without_forks():
            self.observer: _kernel.Observer = _kernel.Observer()
            self._set = open_set()
            keep_private(self)
        if self.observer.fileno() < 0:
            self.close()
            raise RuntimeError("the family has no room for the observer of a further event loop")
        self._set.register(self.observer.fileno(), READABLE)
        self._watch_members()

    def fileno(self) -> int:
        """The descriptor that the loop waits for; when it is readable, `look` is called."""
        return self._set.fileno()

    def close(self) -> None:
        """Free the descriptors; a second call does nothing."""
        self.observer.close()
        self._set.close()
        for pidfd in self._members.values():
            pidfd.close()
        self._members.clear()

    # -- waits

    new_wait = Wait  # for callers that import this module only when they wait

    def add(self, key: int, wait: Wait) -> None:
        """Enter a wait, behind those for the same key."""
        self._waits.setdefault(key, {})[wait] = None

    def remove(self, key: int, wait: Wait) -> None:
        """Remove it; if it was woken, the next one is."""
        waits = self._waits[key]
        del waits[wait]
        if waits:
            if wait.told:
                self._wake(key)
            return
        del self._waits[key]
        if key < 0:
            self._forget_descriptor(-1 - key)

    def watch_descriptor(self, fd: int, mask: int) -> int:
        """Be told when a descriptor is ready, once; the key."""
        mask |= self._masks.get(fd, 0)
        try:
            self._set.modify(fd, mask)
        except FileNotFoundError:  # not yet, or it was closed since, and is another one now
            self._set.register(fd, mask)
        self._masks[fd] = mask
        return -1 - fd

    def most(self, left: float | None) -> float | None:
        """How many seconds a wait may sleep if it has ``left`` seconds."""
        if not self._blind:
            return left
        return _SLICE if left is None else min(left, _SLICE)

    def sleep(self, wait: Wait, left: float | None) -> Awaitable[None]:
        """Sleep until the wait is woken, or for ``left`` seconds."""
        raise NotImplementedError

    def new_key(self) -> int:
        """A key of this loop's own, which any thread of the process may tell it: `tell`."""
        return 2 * next(self._numbers) + 1

    def tell(self, key: int) -> None:
        """Wake the waits for a key, from any thread; a finalizer may call it."""
        self.observer.tell(key)

    # -- being told

    def look(self) -> None:
        """Wake the waits for what has changed; does not block."""
        if not SET_STAYS_READABLE:
            self._set.clear()  # type: ignore[attr-defined]
        keys = self.observer.take()
        if keys != []:
            self._told(keys)
            self._looks += 1
            if SET_STAYS_READABLE and self._looks < _TURNS:
                return  # usually that is all; if not, the loop calls again
        self._looks = 0
        for fd, _ in self._set.poll(0):
            if fd == self.observer.fileno():
                self._told(self.observer.take())
            elif fd in self._members:
                self._end_of_member(fd)
            else:
                self._forget_descriptor(fd)
                self._wake_all(-1 - fd)

    def _told(self, keys: list[int] | None) -> None:
        if keys is None:
            self._try_everything()
            return
        for key in keys:
            if key == _kernel.KEY_JOINED:
                self._watch_members()
            elif key == _kernel.KEY_DIED:
                self._try_everything()
            else:
                self._wake(key)

    def _wake(self, key: int) -> None:
        for wait in list(self._waits.get(key, ())):
            wait.told = True
            wait.wake()
            if wait.one:
                return

    def _wake_all(self, key: int) -> None:
        for wait in list(self._waits.get(key, ())):
            wait.told = True
            wait.wake()

    def _try_everything(self) -> None:
        self.observer.take(True)
        self._watch_members()
        for key in list(self._waits):
            self._wake_all(key)

    # -- descriptors

    def _forget_descriptor(self, fd: int) -> None:
        if self._masks.pop(fd, None) is not None:
            try:
                self._set.unregister(fd)
            except OSError:
                pass  # it was closed

    # -- members

    def _watch_members(self) -> None:
        self._blind = False
        living = _kernel.members()
        self._serials.intersection_update([serial for _, serial, _, _ in living])
        for slot, serial, pid, _ in living:
            if serial not in self._serials and pid not in (0, os.getpid()):
                self._watch_member(slot, serial, pid)

    def _watch_member(self, slot: int, serial: int, pid: int) -> None:
        try:
            pidfd = open_pidfd(pid)
            self._set.register(pidfd.fileno(), READABLE)
        except ProcessLookupError:
            return  # it has ended: a task that waits for it finds that
        except OSError:
            self._blind = True
            return
        if not _kernel.alive(slot, serial):
            pidfd.close()  # it may be another process's
            return
        self._members[pidfd.fileno()] = pidfd
        self._serials.add(serial)

    def _end_of_member(self, fd: int) -> None:
        self._set.unregister(fd)
        self._members.pop(fd).close()
        self._try_everything()
