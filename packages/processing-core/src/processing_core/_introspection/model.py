"""What a family is seen as: plain values, ready for JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from processing_core.annotations import Any

__all__ = ["Arena", "Deadlock", "Family", "Leak", "Member", "PoolInfo", "PrimitiveInfo", "QueueInfo", "Task", "Wait"]


@dataclass(frozen=True)
class Wait:
    """A thread that has waited for longer than 0.4 s."""

    thread: str
    """The thread's name, or its identity in Python where it has none."""
    what: str
    """What it waits for, in words."""
    cell: tuple[int, int] | None
    """The primitive or queue that it waits for; ``None`` if it waits for something else."""
    on: str
    """The event: ``acquire``, ``wait``, ``get``, ``put``, ``join``; ``process``; or ``outside``, a descriptor."""
    member: int | None
    """The serial of the member that it waits for the end of."""
    seconds: float
    """How long it has waited."""
    timed: bool
    """Whether it ends at a time by itself."""
    frames: tuple[str, ...]
    """``file:line:function`` of its frames, the innermost first; bounded."""


@dataclass(frozen=True)
class Task:
    """What a pool's worker runs."""

    function: str | None
    """The function's name; ``None`` if it is not known."""
    index: int
    """The item's number in its map, or the call's."""
    seconds: float
    """How long it has run."""


@dataclass(frozen=True)
class Member:
    """A process of the family."""

    serial: int
    """Its number in the family, which is never used again."""
    pid: int
    """Its id; 0 if it is being started."""
    name: str
    """The name of its `Process`."""
    state: str
    """``starting``, ``running``, ``sleeping``, ``stopped``, or ``dead``: not yet noticed by the family."""
    parent: int | None
    """The serial of the member that it stands below."""
    cpu: float
    """Seconds of processor time."""
    memory: int
    """Resident bytes."""
    threads: int
    """The threads of its system's process."""
    age: float
    """Seconds since its start."""
    waits: tuple[Wait, ...] = ()
    """Its threads that wait; up to eight are seen."""
    task: Task | None = None
    """What it runs, if it is a pool's worker and busy."""


@dataclass(frozen=True)
class PrimitiveInfo:
    """A lock, semaphore, event or condition."""

    kind: str
    """The name of its class."""
    cell: tuple[int, int]
    """What identifies it in the family."""
    value: int | None
    """A semaphore's free permits; 1 of an event that is set, or of a lock that is held, else 0."""
    holders: tuple[int, ...]
    """Serials of the members that hold it; of a semaphore without owners, an event or a condition, none."""
    held: float | None
    """Seconds that a lock has been held."""
    waiters: tuple[int, ...]
    """Serials of the members with threads that wait for it, at most eight times each."""
    made: str | None
    """``file:line`` of what made it; ``None`` without :func:`record_creation`."""


@dataclass(frozen=True)
class QueueInfo:
    """A queue or a pipe."""

    kind: str
    """``Queue``, also for a pipe's one direction; or ``PriorityQueue``."""
    cell: tuple[int, int]
    """What identifies it in the family."""
    items: int
    """What is in it."""
    bytes: int
    """How many bytes that are."""
    puts: int
    """What was ever put into it."""
    gets: int
    """What was ever taken out of it."""
    max_items: int | None
    """The bound of ``items``; ``None`` for no bound."""
    waiters: tuple[int, ...]
    """Serials of the members whose threads have waited for it for longer than 0.4 s."""
    made: str | None
    """As that of a primitive."""


@dataclass(frozen=True)
class PoolInfo:
    """A pool; what its tasks are is seen at its workers."""

    tasks: tuple[int, int]
    """The cell of the queue of its tasks."""
    results: tuple[int, int]
    """The cell of the queue of its results."""
    workers: int
    """Workers that are ready for tasks."""
    busy: int
    """Those that run one."""
    done: int
    """Tasks that these workers have done."""
    queued: int
    """Messages that wait for a worker; a message may have several items."""


@dataclass(frozen=True)
class Arena:
    """The shared memory."""

    limit: int
    """Bytes that it may have."""
    used: int
    """Bytes that are given out."""
    committed: int
    """Bytes that have memory of the system, as far as they are given out or kept for reuse."""
    high_water: int | None
    """The most bytes of memory that the system has counted for it; ``None`` if it does not tell."""
    cells: int
    """Cells in use."""
    kinds: dict[str, tuple[int, int]]
    """By the kind of a cell: how many there are, and their bytes."""


@dataclass(frozen=True)
class Deadlock:
    """Members that wait for one another, and for nothing else."""

    members: tuple[int, ...]
    """Their serials."""
    text: str
    """Which waits for what, and where, in words."""


@dataclass(frozen=True)
class Family:
    """A family at some moment; processes change it while it is read."""

    id: str
    """The same for all members, and different from that of any other family."""
    members: tuple[Member, ...]
    """The processes, in the order of their serials."""
    pools: tuple[PoolInfo, ...]
    """The pools."""
    queues: tuple[QueueInfo, ...]
    """The queues and pipes, those of pools included."""
    primitives: tuple[PrimitiveInfo, ...]
    """The locks and their like."""
    arena: Arena
    """The shared memory."""
    deadlocks: tuple[Deadlock, ...] = ()
    """Members that wait for one another."""
    torn: int = 0
    """What is missing because it changed whenever it was read."""
    notes: tuple[str, ...] = field(default=())
    """What this process could not find out, and why."""

    def to_dict(self) -> dict[str, Any]:
        """All of it as dictionaries, lists and plain values, for :func:`json.dumps`."""
        return asdict(self)


@dataclass(frozen=True)
class Leak:
    """Cells that were made at the same line."""

    made: str | None
    """``file:line``; ``None`` for those whose making was not recorded."""
    kind: str
    """Their kind."""
    cells: int
    """How many there are."""
    bytes: int
    """How many bytes they have."""
