"""Seeing inside: the processes of this family, what they run and wait for, and what they share.

Nothing has to be prepared, and no process is stopped or slowed down: all is read from the shared memory, while the
processes use it.  ``python -m processing top`` shows the same of any program of this user.
"""

from __future__ import annotations

from processing_core._introspection.arena_reader import ArenaReader, NotReadable, OwnSource
from processing_core._introspection.deadlocks import deadlocks_of
from processing_core._introspection.model import (
    Arena as Arena,
)
from processing_core._introspection.model import Deadlock as Deadlock
from processing_core._introspection.model import Family as Family
from processing_core._introspection.model import Leak as Leak
from processing_core._introspection.model import Member as Member
from processing_core._introspection.model import PoolInfo as PoolInfo
from processing_core._introspection.model import PrimitiveInfo as PrimitiveInfo
from processing_core._introspection.model import QueueInfo as QueueInfo
from processing_core._introspection.model import Task as Task
from processing_core._introspection.model import Wait as Wait
from processing_core._introspection.processes import families as _families
from processing_core._introspection.processes import opened
from processing_core._introspection.snapshot import Snapshot
from processing_core._native import _kernel

__all__ = [
    "Arena",
    "Deadlock",
    "Family",
    "Leak",
    "Member",
    "NotReadable",
    "PoolInfo",
    "PrimitiveInfo",
    "QueueInfo",
    "Task",
    "Wait",
    "deadlocks",
    "list_families",
    "family",
    "leaks",
]


def family(pid: int | None = None) -> Family:
    """A snapshot of a family: its processes, pools, queues, primitives and shared memory.

    Does not block, and delays no other process; thread-safe. Takes about a millisecond, and some microseconds for each
    process, queue and primitive.

    :param pid: of any process of the family, of this user; ``None`` for this process's own.
    :raises NotReadable: if there is no family, or this process may not look.

    >>> import processing
    >>> from processing import introspection
    >>> queue = processing.Queue()
    >>> queue.put("item")
    >>> [(q.items, q.puts) for q in introspection.family().queues if q.cell == queue.cell]
    [(1, 1)]
    """
    if pid is None:
        return _family(_own())
    with opened(pid) as reader:
        return _family(reader)


def deadlocks(pid: int | None = None) -> list[Deadlock]:
    """The deadlocks of a family: processes that wait for one another, and for nothing else, for longer than 0.4 s.

    A process counts only if all of its threads wait without a time limit. If a wait could be ended by something that is
    not seen (a handle on its way in a queue, a handler of a signal, a thread that sleeps), it is none.  Does not block;
    thread-safe.

    :param pid: as for `family`.
    :raises NotReadable: as `family`.
    """
    if pid is None:
        return deadlocks_of(Snapshot(_own()))
    with opened(pid) as reader:
        return deadlocks_of(Snapshot(reader))


def leaks(pid: int | None = None) -> list[Leak]:
    """What there is in the shared memory, by where it was made; the most frequent first.

    The lines are known if they are recorded: :func:`processing.record_creation`, or ``PROCESSING_RECORD_CREATION=1`` in
    the environment. Call it twice, at the same point of a loop: what has become more leaks.  Does not block;
    thread-safe.

    :param pid: as for `family`.
    :raises NotReadable: as `family`.
    """
    if pid is None:
        return Snapshot(_own()).leaks()
    with opened(pid) as reader:
        return Snapshot(reader).leaks()


def list_families() -> list[list[int]]:
    """The pids of each family of this machine that this process may look at.  Does not block; takes milliseconds."""
    return _families()


def _own() -> ArenaReader:
    if _kernel.member() is None:
        raise NotReadable("this process belongs to no family: it has started no process and made nothing shared")
    return ArenaReader(OwnSource())


def _family(reader: ArenaReader) -> Family:
    snapshot = Snapshot(reader)
    queues = snapshot.queues()
    depths = {queue.cell: queue.items for queue in queues}
    pools = [row.described(depths.get((row.tasks & 0xFFFFFFFF, row.tasks >> 32), 0)) for row in snapshot.pools]
    members, primitives, arena = snapshot.members(), snapshot.primitives(), snapshot.arena()
    found = tuple(deadlocks_of(snapshot))
    parts = tuple(members), tuple(pools), tuple(queues), tuple(primitives)
    return Family(snapshot.identity(), *parts, arena, found, snapshot.torn)
