"""Types of the native kernel.  The words are DESIGN's: family, member, serial, arena, cell, handle.

Everything here is for the packages of this project; users see it through them.
Timeouts are seconds; ``None`` waits for ever.  Every wait releases the GIL,
runs signal handlers, and keeps its deadline to 0.1 s.
"""

from collections.abc import Callable, Iterable, Iterator
from pickle import PickleBuffer
from typing import Any, Generic, Self, TypeAlias, TypeVar, final

from _typeshed import ReadableBuffer, WriteableBuffer

_T = TypeVar("_T")
_H = TypeVar("_H", bound=Handle)

VERSION: int
"""The version of the shared layouts; members of one family must agree on it."""
CRASH_POINTS: bool
"""Whether this is the test-only build that can kill itself at a numbered step."""

# -- errors: classes that the package installs, raised from C ------------------------------------

def set_errors(errors: dict[str, type[BaseException]]) -> None:
    """Install ``HandleError``, ``OwnerDied(message, pid, name, exitcode, held)``, ``ForkError``, ``NotHeldError`` and ``ClosedError``."""

# -- the family and its members ------------------------------------------------------------------

def found(name: str, cap: int) -> None:
    """Make this process the root of a family whose arena may grow to ``cap`` bytes.

    :raises RuntimeError: if this process is a member already.
    :raises MemoryError: if the system grants no arena.
    """

def set_founder(founder: Callable[[], None], /) -> None:
    """Install what founds the family when its first shared object is made."""

def adopt(arena_fd: int, token_fd: int, slot: int, serial: int) -> None:
    """Take the place that :func:`reserve` made in a family, in a process that inherited its arena.

    Takes both descriptors over (the token is closed).
    :raises ProcessError: if the arena is of another version or the place is not reserved.
    """

def member() -> tuple[int, int] | None:
    """This process's (slot, serial), or ``None`` before it belongs to a family."""

def family() -> int:
    """The family's 64-bit identity; 0 before there is one."""

def ignore_interrupts() -> None:
    """Be deaf to SIGINT, as the forkserver's spares are until they `take_request`."""

def take_request(control: int, desk: int, kind: type[Parcel]) -> tuple[Parcel, int, int] | None:
    """Wait for a request to the forkserver, and say that it is taken: the parcel, the lifeline and the luggage.

    SIGINT is heeded again from then on, and blocked.  Blocks; both descriptors are closed.

    :return: ``None`` if nobody asked before the socket's time was up, or nobody waits for the answer any more.
    """

def fork_several(most: int, /) -> tuple[list[tuple[int, int, int]], int] | None:
    """Fork children, each a member, in a process that has one thread: (pid, slot, serial) of each; ``None`` in a child.

    :return: beside them the number of the error for which there are fewer, or 0.
    """

def request_child(
    control: int, parcel: Parcel, lifeline: int, luggage: int, /
) -> tuple[bytes, int, int, int, int, int]:
    """Ask a forkserver for a child, and await the answer.  Blocks.

    The parcel goes without a reference: the caller holds it until then.

    :param lifeline: The child's end of it; -1 for none.
    :param luggage: Likewise.
    :return: the kind of the answer (empty if nobody is left to give one), its value, the child's slot and serial, its
        pidfd (-1: none), and the socket over which the server will report.
    :raises OSError: if the server is gone.
    """

def signal_mask() -> int:
    """The signals that this thread blocks: bit 0 is signal 1."""

def set_signal_mask(mask: int, /) -> None:
    """Block these signals in this thread, and no others."""

def immortalize(roots: list[object], kinds: tuple[type, ...], code_type: type, /) -> int:
    """Let objects live for ever, so that using one no longer writes to it; how many there were: 0 before CPython 3.12.

    What is reached from the roots: classes, what is exactly of these kinds, and dictionaries that are namespaces of
    classes and modules, or roots.
    """

def environment() -> bytes:
    """The environment variables as the system keeps them, each ended by a null byte."""

def arena_fd() -> int:
    """The descriptor of the arena (close-on-exec); -1 before there is one."""

def reserve(name: str) -> tuple[int, int, int]:
    """Make a place for a child that is about to be born: (slot, serial, token_fd).

    The token is a descriptor whose open file description keeps the place alive: the child must
    inherit it (``pass_fds``, ``SCM_RIGHTS`` or fork) and the parent close it once the child has it.
    When every copy is closed and nobody adopted the place, the place is dead.
    """

def close_token(token_fd: int) -> None:
    """Close the parent's copy of a birth token.

    Closing any descriptor of the arena's file drops this process's life lock, which this renews.
    """

def fork_before() -> None: ...
def fork_in_parent() -> None: ...
def fork_in_child() -> None: ...
def fork_into(slot: int, serial: int, name: str) -> None:
    """Let the next fork of this process adopt a reserved place rather than make one of its own."""

def forked() -> tuple[int, int] | None:
    """In the parent, right after a fork: the child's (slot, serial)."""

def alive(slot: int, serial: int) -> bool:
    """Whether that member can still act.  Zombies, reused pids and reused slots are dead."""

def bury(slot: int, serial: int, exitcode: int | None = None) -> bool:
    """Release all that a dead member left; ``False`` if it is alive or was buried before."""

def sweep() -> int:
    """Bury every dead member; how many there were."""

def leave(exitcode: int | None = None) -> None:
    """End this process's membership: drop its references, free its slot, leave word of the exit code.

    For a normal exit.  While other threads run it does nothing: who notices this process's death buries it.
    """

def rename(name: str) -> None:
    """Set the name that the member table shows for this process."""

def members() -> list[tuple[int, int, int, str]]:
    """The living members: (slot, serial, pid, name)."""

def obituary(serial: int) -> tuple[int, str, int | None] | None:
    """(pid, name, exit code) of a dead member, as long as it is remembered."""

def stats() -> dict[str, int]:
    """Bytes and cells in use, free, committed; the cap; members."""

def check() -> None:
    """Verify the arena's invariants; :raises AssertionError: naming the first that fails."""

# -- who holds and awaits what -------------------------------------------------------------------

HolderRow: TypeAlias = tuple[tuple[int | None, str | None], bool, int, float | None, bool]
"""((pid, name), alive, depth or permits, seconds held if known, whether it repairs)"""

def primitives() -> list[tuple[str, int, int, list[HolderRow], list[tuple[int, str]], str | None]]:
    """Every primitive of the arena: (kind, index, generation, holders, waiters, creation site)."""

def waiters(index: int, generation: int, /) -> list[tuple[int, str]]:
    """(pid, name) for each thread that waits for that cell, up to eight of a process."""

def set_site_finder(finder: Callable[[], str] | None, /) -> None:
    """Install what says which line makes a primitive; ``None`` records none."""

# -- messages ------------------------------------------------------------------------------------

def set_pickler(
    dumps: Callable[[Any], bytes | tuple[list[Any], list[PickleBuffer]]], loads: Callable[..., Any]
) -> None:
    """Install the functions that serve what the kernel's own codec does not.

    :param dumps: returns a pickle; or its pieces, which are copied once, and the buffers that travel in blocks of their own.
    :param loads: is called with a view of the pickle, and with the ``buffers`` if there are any.
    """

class Handle:
    """One shared cell, by (index, generation).  Handles are compared and hashed by these two."""

    @property
    def cell(self) -> tuple[int, int]: ...

@final
class Parcel(Handle):
    """A pickled object in an arena block, together with the references that it carries."""

def pack(obj: object) -> Parcel:
    """Pickle ``obj`` into a parcel."""

def unpack(parcel: Parcel, /, take: bool = False, share: bool = False) -> Any:
    """A new object from a parcel; may be called several times.

    :param take: let the object stand on the parcel's large buffers, not on copies: nobody else may unpack it.
    :param share: let the object stand on them by views that are read-only: others may do so, too.
    """

def give(parcel: Parcel, slot: int, serial: int) -> None:
    """Let a reserved member own one reference to ``parcel`` as its inheritance."""

def inheritance() -> Parcel | None:
    """The parcel that was given to this member before it was born; at most once."""

def attach(cls: type[_H], family: int, cell: int) -> _H:
    """The function that a pickled handle calls: a handle to an existing cell.

    :raises HandleError: if the cell is gone, or belongs to another family.
    """

# -- the ring ------------------------------------------------------------------------------------

class Queue(Handle, Generic[_T]):
    """A queue over a ring of the arena.  Operations are atomic; a killed process loses at most its own."""

    def __new__(cls, maxsize: int = 0, max_bytes: int = 0) -> Self: ...
    @property
    def _maxsize(self) -> int: ...
    def put(self, obj: _T, block: bool = True, timeout: float | None = None) -> None: ...
    def put_nowait(self, obj: _T) -> None: ...
    def put_many(self, objs: Iterable[_T], block: bool = True, timeout: float | None = None) -> None: ...
    def get(self, block: bool = True, timeout: float | None = None, *, copy: bool = False) -> _T: ...
    def get_nowait(self) -> _T: ...
    def get_many(
        self, limit: int, block: bool = True, timeout: float | None = None, *, copy: bool = False
    ) -> list[_T]: ...
    def qsize(self) -> int: ...
    def empty(self) -> bool: ...
    def full(self) -> bool: ...
    def shutdown(self, immediate: bool = False) -> None: ...
    @property
    def is_shutdown(self) -> bool: ...
    @property
    def _max_bytes(self) -> int: ...
    def _shut(self) -> None:
        """No more puts; gets drain what is there, then raise ``ShutDown``, and ``_receive`` ``ValueError``."""

    def _send(self, a: int, b: int, obj: object, claims: Claims = ..., place: int = 0, /) -> int:
        """Put an object with two numbers (64 bits) that are readable even if it cannot be unpickled.

        With ``claims`` it is the result of the only item that is claimed there, at ``place``.
        :return: the message's number in the ring.
        """

    def _send_batch(self, a: int, b: int, objs: list[Any] | range, progress: list[int], /) -> int:
        """Send all of ``objs`` in one message; ``progress[0]`` becomes b + their number, whatever is raised.

        :raises BufferError: if several have large buffers; then nothing was sent.
        """

    def _save(self, claims: Claims, place: int, result: object, failed: bool, /) -> bool:
        """Save the result of the item that runs; whether the next of its batch is begun.

        :raises Exception: if it cannot be pickled; then nothing has changed.
        """

    def _run(self, claims: Claims, place: int, results: Iterator[object], /) -> tuple[object, BaseException] | None:
        """Save the results of a batch, of which the first item is begun; each step of ``results`` runs an item.

        :return: (a result, why it cannot be pickled), whose item is still to get an outcome; ``None`` at the end.
        :raises BaseException: what an item raises; likewise.
        """

    def _flush(self, claims: Claims, place: int, /) -> None:
        """Send what was saved; the batch is done."""

    def _send_saved(self, a: int, b: int, n: int, results: bytes, /) -> None:
        """Send what :meth:`Claims.saved` gave."""

    def _void(self, a: int, first: int, last: int, number: int = 0, /) -> int:
        """Let nobody run the messages (a, first..last) that are still here, from message ``number`` on.

        :return: how many there were.
        """

    def _send_many(
        self,
        a: int,
        b: int,
        objs: list[Any],
        progress: list[int] = ...,
        failures: list[tuple[int, BaseException]] = ...,
        /,
    ) -> list[tuple[int, BaseException]]:
        """Send ``objs[i]`` with (a, b + i); of what cannot be pickled (b + i, exception) is appended to ``failures``.

        ``progress[0]`` is the next number to send, up to date whatever is raised.
        """

    def _receive(
        self, timeout: float | None = None, claims: Claims | None = None, place: int = 0, /
    ) -> tuple[int, int, int, bool | list[int], Any]:
        """(a, b, items, True, object), or (a, b, items, False, the exception that unpickling raised).

        ``items`` is 0 if one object was sent.  With ``claims`` the message is claimed there, at ``place``, before it is
        taken, and its first item is begun.
        :raises queue.Empty: at the timeout.
        :raises ClosedError: if there is nothing and will be nothing, or the taker is doomed.
        """

    def _receive_many(
        self,
        limit: int,
        timeout: float | None = None,
        into: list[tuple[int, int, int, bool | list[int], Any]] | None = None,
        /,
    ) -> list[tuple[int, int, int, bool | list[int], Any]]:
        """At most ``limit`` rows as :meth:`_receive` gives them; waits for the first; none at the timeout.

        Where results come together the object is their list, and in the place of True may stand a list of the indexes
        of failures: exceptions that unpickling raised, or what was saved as a failure.

        They are appended to ``into``, where they are safe whatever a signal handler raises.
        """

    def _settle(self) -> None:
        """Wait until what dead takers left is put right: from now on their claims are exact."""

    def _task_done(self) -> None:
        """Say that one of the messages ever put is dealt with; also after :meth:`close`.

        :raises ValueError: if all of them are already.
        """

    def _join(self, timeout: float | None = None, /) -> bool:
        """Wait until every message ever put is dealt with; whether that was so in time.  Also after :meth:`close`."""

    def close(self) -> None:
        """Refuse every later use of this handle."""

    @property
    def _closed(self) -> bool: ...

def heed(queue: Queue[Any], /) -> bool:
    """Whether the queue has something; if not, the next put into it calls every :class:`Ear`, once."""

@final
class Ear:
    """What hears of puts into queues that are heeded: a descriptor that becomes readable."""

    def fileno(self) -> int:
        """The descriptor; -1 if so many listen in the family that there is none for this one."""

    def drain(self) -> None:
        """Forget what was heard."""

    def close(self) -> None: ...

# -- pipes ---------------------------------------------------------------------------------------

PIPE_MESSAGES: int
PIPE_BYTES: int
"""``maxsize`` and ``max_bytes`` of a pipe's rings."""

def bell() -> tuple[int, int]:
    """A new bell: the descriptor to hear it by, and the one to toll it by."""

class PipeEnd:
    """An end of a pipe: a ring to receive from, one to send into, and the descriptors of their bells."""

    def __new__(cls, incoming: Queue[Any] | None, outgoing: Queue[Any] | None, hearing: int, tolling: int, /) -> Self:
        """Take over the descriptors; -1 where there is no ring."""

    @property
    def closed(self) -> bool: ...
    @property
    def readable(self) -> bool: ...
    @property
    def writable(self) -> bool: ...
    def send(self, obj: Any) -> None: ...
    def recv(self) -> Any: ...
    def send_bytes(self, buf: ReadableBuffer, offset: int = 0, size: int | None = None) -> None: ...
    def recv_bytes(self, maxlength: int | None = None) -> bytes: ...
    def recv_bytes_into(self, buf: WriteableBuffer, offset: int = 0) -> int: ...
    def poll(self, timeout: float | None = 0.0) -> bool: ...
    def fileno(self) -> int: ...
    def close(self) -> None: ...
    def _heed(self) -> bool:
        """Whether there is a message; if not, the next one, or the end, makes the bell readable."""

    def _ready(self) -> bool:
        """Whether there is a message, or the end."""

    def _parts(self) -> tuple[Queue[Any] | None, Queue[Any] | None, int, int]:
        """What it is made of; the descriptors stay its own.

        :raises ClosedError: if it was closed.
        """

class Pile(Handle, Generic[_T]):
    """A queue of which the last, or the one with the least rank, is taken first.  What has an underscore is as in `Queue`."""

    def __new__(cls, maxsize: int = 0, max_bytes: int = 0, ordered: bool = False) -> Self: ...
    def _put(self, rank: object, obj: _T, block: bool = True, timeout: float | None = None) -> None:
        """Put an object.

        :param rank: None, bools, numbers, text, bytes, and tuples and lists of these; for an ordered one only.
        :raises TypeError: if it is anything else.  In a tuple the rank ends before it, unless it is the first.
        """

    def _get(self, block: bool = True, timeout: float | None = None, *, copy: bool = False) -> _T: ...
    def _heed(self) -> bool:
        """As :func:`heed`."""

    def _fail_next(self, error: BaseException, /) -> None:
        """Let the next get of this handle raise this."""

    def _qsize(self) -> int: ...
    def _full(self) -> bool: ...
    def _task_done(self) -> None: ...
    def _join(self, timeout: float | None = None, /) -> bool: ...
    def _shutdown(self, immediate: bool = False) -> None: ...
    def _close(self) -> None: ...
    @property
    def _maxsize(self) -> int: ...
    @property
    def _max_bytes(self) -> int: ...
    @property
    def _closed(self) -> bool: ...
    @property
    def _is_shutdown(self) -> bool: ...

@final
class Claims(Handle):
    """Which message each of some takers took last, readable after their death."""

    def __new__(cls, places: int, /) -> Self: ...
    def read(self, place: int, /) -> tuple[int, int] | None:
        """The two numbers of the message last taken; of a dead taker, once the ring is settled."""

    def look(self, place: int, /) -> tuple[int, int, int, int, bool, int, int, int] | None:
        """(a, b, next, end, whether an item runs, finished, when it began in ns, the word that names this moment).

        Items ``[next, end)`` of the message are not begun; ``finished`` have results.
        """

    def doom(self, place: int, word: int, /) -> bool:
        """Let the taker begin nothing more; ``False`` if the moment is over that ``word`` names."""

    def revoke(self, place: int, word: int, n: int, /) -> bool:
        """Take away the last ``n`` items that are not begun; ``False`` as for :meth:`doom`."""

    def saved(self, place: int, /) -> tuple[int, int, bytes]:
        """Of a dead taker: (how many results, from which item on, their bytes) it may not have sent."""

    def write(self, place: int, a: int, b: int, /) -> None:
        """Stand there without having taken anything yet."""

    def clear(self, place: int, /) -> None:
        """Forget the claim, before another taker gets the place."""

# -- locks ---------------------------------------------------------------------------------------

class _Lock(Handle):
    def __new__(cls) -> Self: ...
    def acquire(self, block: bool = True, timeout: float | None = None) -> bool: ...
    def release(self) -> None: ...
    def __enter__(self) -> bool: ...
    def __exit__(self, *exc_info: object) -> None: ...
    def locked(self) -> bool: ...
    def _is_owned(self) -> bool: ...
    def _holders(self) -> list[HolderRow]: ...
    def _holder(self) -> tuple[int, str, str, int]:
        """(pid, name, what, depth); what is free, mine, thread (of this process), process (another) or dead."""

    def _begin_repair(self) -> None: ...
    def _end_repair(self, repaired: bool, /) -> None: ...

class Lock(_Lock): ...
class RLock(_Lock): ...

_C = TypeVar("_C", bound=type)

def own_methods(cls: _C, /) -> _C:
    """Give a subclass descriptors of its own of the kernel's methods; as a decorator.

    CPython specialises the call of a C method only for the exact type that defines it.  Nothing
    between ``cls`` and the kernel's type may override them.
    """

# -- semaphores, events, conditions --------------------------------------------------------------

class Semaphore(Handle):
    def __new__(cls, value: int = 1, *, reclaim: bool = False) -> Self: ...
    @property
    def reclaim(self) -> bool: ...
    def _holders(self) -> list[HolderRow]: ...
    def acquire(self, block: bool = True, timeout: float | None = None) -> bool: ...
    def release(self, n: int = 1) -> None: ...
    def __enter__(self) -> bool: ...
    def __exit__(self, *exc_info: object) -> None: ...
    def get_value(self) -> int: ...

class BoundedSemaphore(Handle):
    def __new__(cls, value: int = 1) -> Self: ...
    def _holders(self) -> list[HolderRow]: ...
    def acquire(self, block: bool = True, timeout: float | None = None) -> bool: ...
    def release(self, n: int = 1) -> None: ...
    def __enter__(self) -> bool: ...
    def __exit__(self, *exc_info: object) -> None: ...
    def get_value(self) -> int: ...
    @property
    def _maximum(self) -> int: ...

class Event(Handle):
    def __new__(cls) -> Self: ...
    def set(self) -> None: ...
    def clear(self) -> None: ...
    def is_set(self) -> bool: ...
    def wait(self, timeout: float | None = None) -> bool: ...

class Condition(Handle):
    def __new__(cls, lock: Lock | RLock) -> Self: ...
    def acquire(self, block: bool = True, timeout: float | None = None) -> bool: ...
    def release(self) -> None: ...
    def __enter__(self) -> bool: ...
    def __exit__(self, *exc_info: object) -> None: ...
    def wait(self, timeout: float | None = None) -> bool: ...
    def notify(self, n: int = 1) -> None: ...
    def notify_all(self) -> None: ...
    def __setstate__(self, lock: Lock | RLock, /) -> None: ...
    @property
    def _lock(self) -> Lock | RLock: ...
    @property
    def _waiters(self) -> int:
        """How many wait and are not notified."""

# -- values --------------------------------------------------------------------------------------

_S = TypeVar("_S", bound=Scalar)

class Scalar(Handle):
    """One number, character or truth value; read and written by one access of its size."""

    value: Any
    def __new__(cls, typecode: str, initial: Any = ...) -> Self: ...
    @property
    def _typecode(self) -> str: ...
    @property
    def _ctype(self) -> str:
        """The name of its type in :mod:`ctypes`."""

    def add(self, amount: Any, /) -> None:
        """Add to a number at once: one atomic read-modify-write, sequentially consistent, as the next three are.

        :raises OverflowError: if the type has no room for the sum; the value stays.
        """

    def fetch_add(self, amount: Any, /) -> Any:
        """Add, and return what the value was."""

    def exchange(self, value: Any, /) -> Any:
        """Set the value and return what it was."""

    def compare_exchange(self, expected: Any, value: Any, /) -> bool:
        """Set the value if it equals what was expected; whether it did."""

    def __buffer__(self, flags: int, /) -> memoryview:
        """Its bytes, writable; a view keeps the cell alive."""

class LockedScalar(Scalar):
    def __new__(cls, typecode: str, initial: Any, lock: Any) -> Self: ...
    def get_lock(self) -> Any: ...
    def _bare(self, cls: type[_S], /) -> _S:
        """Another handle to the same cell, without the lock."""
    @property
    def acquire(self) -> Callable[..., bool]: ...
    @property
    def release(self) -> Callable[[], None]: ...
    def __enter__(self) -> bool: ...
    def __exit__(self, *exc_info: object) -> None: ...
    def __setstate__(self, lock: Any, /) -> None: ...

class Block(Handle):
    """Plain memory, aligned for every type; zeroed at first, or with whatever was there.

    Its buffer is writable, and a view of it keeps the memory alive in every process that has one.
    :raises MemoryError: if the family's arena is full.
    """

    def __new__(cls, size: int, zeroed: bool = True) -> Self: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
