"""Which processes hold each primitive, which wait for it, and where it was made."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from processing_core import lowlevel
from processing_core.annotations import NamedTuple

__all__ = ["Holder", "Primitive", "Waiter", "primitives", "record_creation"]

_VARIABLE = "PROCESSING_RECORD_CREATION"
_OURS = ("processing.", *(f"processing_{part}." for part in ("core", "sync", "queues", "managers", "pool")))


class Holder(NamedTuple):
    """A process that holds a lock, or permits of a semaphore."""

    pid: int | None
    """Its id; ``None`` if it is dead and forgotten."""
    process_name: str | None
    """The name of its `Process`; ``None`` if it is dead and forgotten."""
    alive: bool
    """``False`` if it died while it held the lock, and the guarded state was not repaired yet."""
    amount: int
    """How deep it holds an `RLock`, or how many permits of a semaphore."""
    held: float | None
    """Seconds that it has held a lock, to some milliseconds; ``None`` if that is not known."""
    repairing: bool
    """Whether it is in ``with lock.recover():``."""


class Waiter(NamedTuple):
    """A thread that waits for a primitive; up to eight of one process are seen."""

    pid: int
    """Its process's id."""
    process_name: str
    """Its process's name."""


class Primitive(NamedTuple):
    """A primitive of the family, as it was at some moment."""

    kind: str
    """The name of its class; a `Barrier` is seen as the `RLock` and the `Condition` that it is made of."""
    cell: tuple[int, int]
    """What identifies it in the family: equal to its ``cell``."""
    holders: list[Holder]
    """Of a lock at most one; of a `Semaphore` without ``reclaim``, an `Event` or a `Condition` none."""
    waiters: list[Waiter]
    """The threads that wait for it."""
    created: str | None
    """The source line that made it, ``file:line``; ``None`` if that was not recorded."""


_Row = tuple[tuple[int | None, str | None], bool, int, float | None, bool]


def _holder(row: _Row) -> Holder:
    (pid, name), alive, amount, held, repairing = row
    return Holder(pid, name, alive, amount, held, repairing)


def holders(primitive: lowlevel.Lock | lowlevel.RLock | lowlevel.Semaphore | lowlevel.BoundedSemaphore) -> list[Holder]:
    """The processes that hold it."""
    return [_holder(row) for row in primitive._holders()]


def waiters(primitive: lowlevel.Handle) -> list[Waiter]:
    """The threads that wait for it."""
    return [Waiter(*row) for row in lowlevel.waiters(*primitive.cell)]


def primitives() -> list[Primitive]:
    """Every lock, semaphore, event and condition of the family, with its holders and waiters.

    Does not block, and delays no other process: each primitive is read while others use it, so each is shown as it was
    at some moment of the call. Takes about a microsecond for each primitive without waiters; process-, thread- but not
    signal-safe.

    :return: what there is; nothing outside a family.

    >>> import processing
    >>> lock = processing.Lock()
    >>> with lock:
    ...     [(p.kind, p.holders[0].process_name) for p in processing.primitives() if p.cell == lock.cell]
    [('Lock', 'MainProcess')]
    """
    return [
        Primitive(kind, (index, generation), [*map(_holder, holding)], [Waiter(*row) for row in waiting], created)
        for kind, index, generation, holding, waiting, created in lowlevel.primitives()
    ]


def record_creation(on: bool = True) -> None:
    """Remember for each primitive that is made from now on, which source line makes it.

    It is off at first.  Then making one takes some microseconds more, and half a KiB.  Holds for this process and the
    children that it starts; the environment's ``PROCESSING_RECORD_CREATION=1`` turns it on in a whole program.
    Does not block; thread-safe.

    :param on: whether to.

    >>> import processing
    >>> processing.record_creation()
    >>> event = processing.Event()
    >>> [p.created for p in processing.primitives() if p.cell == event.cell] != [None]
    True
    >>> processing.record_creation(False)
    """
    if on:
        os.environ[_VARIABLE] = "1"
    else:
        with suppress(KeyError):  # `pop` with a default raises it, too, if another thread has just removed it
            del os.environ[_VARIABLE]
    lowlevel.set_site_finder(_calling_line if on else None)


def _calling_line() -> str:
    """The innermost line outside of this project."""
    frame = sys._getframe()
    while frame.f_back is not None and f"{frame.f_globals.get('__name__')}.".startswith(_OURS):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
