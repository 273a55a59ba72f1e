"""Types of the native kernel.  The words are DESIGN's: family, member, serial, arena, cell, handle.

It is for the packages of this project, through which users use it.
Timeouts are seconds; ``None`` waits for ever.  Every wait releases the GIL,
runs signal handlers, and keeps its deadline to 0.1 s.

This stub has the functions; `_kernel_objects.pyi` has the classes whose objects are handles of cells.
"""

from collections.abc import Callable
from pickle import PickleBuffer
from typing import Any, Self, TypeVar

from processing_core._kernel_objects import (
    Block as Block,
    BoundedSemaphore as BoundedSemaphore,
    Channel as Channel,
    Claims as Claims,
    Condition as Condition,
    Event as Event,
    Handle as Handle,
    HolderRow as HolderRow,
    Lock as Lock,
    LockedScalar as LockedScalar,
    DescriptorWaits as DescriptorWaits,
    Observer as Observer,
    Parcel as Parcel,
    PipeEnd as PipeEnd,
    PriorityQueue as PriorityQueue,
    Queue as Queue,
    RLock as RLock,
    Scalar as Scalar,
    Semaphore as Semaphore,
    TaskQueue as TaskQueue,
    _Lock as _Lock,
)

_H = TypeVar("_H", bound=Handle)

SOCKET_FILES: bool
VERSION: int
"""The version of the shared layouts; members of one family must agree on it."""
CRASH_POINTS: bool
"""Whether this is the test-only build that can kill itself at a numbered step."""

# -- errors: classes that the package installs, raised from C ------------------------------------

def set_errors(errors: dict[str, type[BaseException]]) -> None:
    """Install ``HandleError``, ``OwnerDied(message, pid, name, exitcode, held)``, ``ForkError``, ``NotHeldError`` and ``ClosedError``."""

# -- the family and its members ------------------------------------------------------------------

def create_family(name: str, cap: int) -> None:
    """Make this process the root of a family whose arena may grow to ``cap`` bytes.

    :raises RuntimeError: if this process is a member already.
    :raises MemoryError: if the system grants no arena.
    """

def set_family_maker(maker: Callable[[], None], /) -> None:
    """Install the function that creates the family when its first shared object is made."""

def join_family(arena_fd: int, token_fd: int, slot: int, serial: int) -> None:
    """Take the slot that :func:`reserve` made, in a process that inherited the family's arena.

    Takes both descriptors over (the token is closed).
    :raises ProcessError: if the arena is of another version or the slot is not reserved.
    """

def member() -> tuple[int, int] | None:
    """This process's (slot, serial), or ``None`` before it belongs to a family."""

def family() -> int:
    """The family's 64-bit identity; 0 before there is one."""

def ignore_interrupts() -> None:
    """Ignore SIGINT, as the forkserver's spares do until `take_request`."""

def take_request(control: int, server: int, kind: type[Parcel]) -> tuple[Parcel, int, int] | None:
    """Wait for a request to the forkserver, and report that it is taken: (parcel, lifeline, inherited descriptors).

    Afterwards SIGINT has its handler again, and is blocked. Blocks; both descriptors are closed.

    :return: ``None`` if no client asked before the socket's timeout, or none waits for the answer any more.
    """

def fork_depth() -> int:
    """How many forks through Python made this process out of the one that loaded the kernel.

    So an object's maker finds that it runs in a forked child, without a system call.
    """

def fork_several(most: int, /) -> tuple[list[tuple[int, int, int]], int] | None:
    """Fork children, each a member, in a process that has one thread: (pid, slot, serial) of each; ``None`` in a child.

    :return: also the number of the error because of which there are fewer, or 0.
    """

def run_fork_handlers() -> None:
    """Have each library do what it does before a fork, by a fork whose child ends at once; blocks for 1 ms or so.

    Python's own hooks (`os.register_at_fork`) are not called. Does nothing where the system has no forks.
    """

def request_child(
    control: int, parcel: Parcel, lifeline: int, inherited: int, owner: list[int], /
) -> tuple[bytes, int, int, int]:
    """Ask a forkserver for a child, and wait for the answer. Blocks.

    The message carries no reference to the parcel: the caller must hold it until the answer.

    :param lifeline: The child's end of it; -1 for none.
    :param inherited: The child's end of the socket with its inherited descriptors; -1 for none.
    :param owner: closes what is in it: the socket over which the server will report, and the child's pidfd if there is
        a child, are appended.
    :return: the kind of the answer (empty if no process is left to send one), its value, the child's slot and serial.
    :raises OSError: if the server is gone.
    """

def signal_mask() -> int:
    """The signals that this thread blocks: bit 0 is signal 1."""

def set_signal_mask(mask: int, /) -> None:
    """Block these signals in this thread, and no others."""

def immortalize(roots: list[object], kinds: tuple[type, ...], code_type: type, /) -> int:
    """Make objects immortal, so that using one no longer writes to it; return how many: 0 before CPython 3.12.

    These are the objects that are reached from the roots: classes, objects whose type is exactly one of these kinds,
    and dictionaries that are namespaces of classes and modules, or roots.
    """

class ExitMethod:
    """A method that is carried out even if a signal handler raises at its beginning.

    :param function: is called with the object, the arguments, and a list ``begun``, to which it appends something
        first, inside its ``try``. If it raises and the list is empty, it is called once more, and then the exception is
        raised.
    """

    def __new__(cls, function: Callable[..., object]) -> Self: ...
    def __call__(self, *args: Any) -> Any: ...

class CallOperator:
    """A function that an operator calls; behind it no signal handler runs, as behind a call.

    :param function: ``CallOperator(function) @ argument`` is ``function(argument)``.
    """

    def __new__(cls, function: Callable[[Any], object], /) -> Self: ...
    def __matmul__(self, argument: Any, /) -> Any: ...

class ScopeGuard:
    """A context manager whose calls no signal handler can separate from the body.

    :param enter: is called first; ``as`` gives ``False`` if it returned that, else ``True``.
    :param exit: is called at the end, unless it did.  All are functions of C, so that no handler runs within.
    :param on_error: is called instead of ``exit`` if the body raises.
    """

    def __new__(
        cls,
        enter: Callable[[], object],
        exit: Callable[[], object],  # noqa: A002
        on_error: Callable[[], object] | None = None,
        /,
    ) -> Self: ...
    def __enter__(self) -> bool: ...
    def __exit__(self, *error: object) -> bool: ...

def above_standard(fd: int) -> int:
    """The descriptor; or, if it is one of the standard streams', a copy above them, and the given one is closed.

    :raises OSError: if this process may open no more.
    """

def datagrams_require(fd: int, token: int) -> None:
    """Have only those datagrams arrive at a socket that begin with the 8 bytes of the token, the first ones first."""

def close_descriptor(fd: int) -> None:
    """Close a descriptor; nothing happens if it is not open."""

def descriptor_scarcity(error: int) -> str | None:
    """The message for an ``errno`` which means that descriptors have run out, with the limit; ``None`` for any other."""

def write_parts(fd: int, parts: tuple[Any, Any], /) -> int:
    """As `os.writev` with two buffers, for any descriptor; but where no process can receive, a socket raises no SIGPIPE.

    :raises BrokenPipeError: if the receiver is gone.
    """

def die_with(fd: int) -> None:
    """Have the system end this process at once when the far end of a doorbell that is never rung is closed.

    :raises OSError: if it cannot do that.
    """

def doorbell_pair() -> tuple[int, int]:
    """The reading and the writing end of a new doorbell, beside no ring.

    :raises OSError: if this process may open no more descriptors.
    """

def doorbell_ring(writing: int) -> None:
    """Make a doorbell's reading end readable; does not block."""

def doorbell_drain(reading: int) -> None:
    """Make it unreadable; does not block."""

def open_process(pid: int) -> int:
    """A descriptor of a process, which is readable once that has ended.

    :raises OSError: if there is none, or this process may open no more.
    """

def duplicate(fd: int) -> int:
    """A copy of a descriptor that is none of the standard streams' and that executed programs do not inherit.

    :raises OSError: if it is not open, or this process may open no more.
    """

def file_identity(fd: int) -> tuple[int, int] | None:
    """(device, inode) of the file behind a descriptor; ``None`` if it is not open."""

def environment() -> bytes:
    """The environment variables as the system keeps them, each ended by a null byte."""

def execute(command: list[bytes], descriptors: list[int], born: list[int], /) -> None:
    """Run a program, which inherits the standard streams and the descriptors, no others; its pid is added to ``born``.

    It is there even if a signal handler raises before this returns.  The program is the caller's to wait for.

    :raises OSError: if the system refuses.
    """

def limits() -> bytes:
    """This process's nice value, usable processors and resource limits; equal strings mean equal limits.

    :raises OSError: if the system refuses.
    """

def set_limits(limits: bytes) -> None:
    """Take over what `limits` returned in another process.

    :raises OSError: if the system refuses: most raises of a limit need a privilege.
    """

def arena_fd() -> int:
    """The descriptor of the arena (close-on-exec); -1 before there is one."""

def reserve(name: str) -> tuple[int, int, int]:
    """Reserve a slot for a child that is about to start: (slot, serial, token_fd).

    The token is a descriptor whose open file description keeps the slot alive: the child must inherit it (``pass_fds``,
    ``SCM_RIGHTS`` or fork), and the parent must close it once the child has it.  When every copy is closed and no child
    has joined, the slot is dead.
    """

def close_token(token_fd: int) -> None:
    """Close the parent's copy of a token.

    Closing any descriptor of the arena's file drops this process's life lock, which this renews.
    """

def fork_before() -> None: ...
def fork_in_parent() -> None: ...
def fork_in_child() -> None: ...
def forked() -> tuple[int, int] | None:
    """In the parent, right after a fork: the child's (slot, serial); ``None`` if there has been none.

    :raises Exception: if the child is no member, because the family has no slot for it; it says why.
    """

def alive(slot: int, serial: int) -> bool:
    """Whether that member can still act.  Zombies, reused pids and reused slots are dead."""

def reap(slot: int, serial: int, exitcode: int | None = None) -> bool:
    """Release all that a dead member left; ``False`` if it is alive or was reaped before."""

def sweep() -> int:
    """Reap every dead member; return how many there were."""

def leave(exitcode: int | None = None) -> None:
    """End this process's membership: drop its references, free its slot, and record the exit code.

    For a normal exit.  While other threads run it does nothing: a process that notices this process's death reaps it.
    """

def rename(name: str) -> None:
    """Set the name that the member table shows for this process."""

def members() -> list[tuple[int, int, int, str]]:
    """The living members: (slot, serial, pid, name)."""

def tombstone(serial: int) -> tuple[int, str, int | None] | None:
    """(pid, name, exit code) of a dead member, as long as it is remembered."""

def stats() -> dict[str, int]:
    """Bytes and cells in use, free, committed; the cap; members."""

def layout() -> tuple[dict[str, int], list[tuple[str, dict[str, int]]]]:
    """Offsets and sizes of what stands in an arena; and by the number of a kind of cells its name and fields."""

def read_arena(offset: int, n: int, /) -> bytes:
    """A copy of that many bytes of the arena, which may change meanwhile; fewer at its end."""

def open_wait(waited: float, slot: int, serial: int, index: int, generation: int, left: float, /) -> int:
    """Record that this thread has waited for some seconds: for a member, or (serial 0) a cell, or (index 0)
    something outside.

    :param left: seconds that it still waits at the most; negative for no end.
    :return: what names the record, or -1.
    """

def look_wait(number: int, /) -> None:
    """A slice of that wait is over."""

def close_wait(number: int, /) -> None:
    """The wait is over."""

def trace_start(fd: int, size: int, /) -> None:
    """Record waits in this file from now on, whose header is written; the descriptor must stay open."""

def trace_stop() -> None:
    """Record nothing more."""

def trace_event(kind: int, begin: int, end: int, a: int, b: int, /) -> None:
    """Record what took place between two times (monotonic ns), if a trace is on."""

def set_idle(on: bool, /) -> None:
    """Whether this thread of the library only waits for orders, and so ends no other thread's wait by itself."""

def verify() -> None:
    """Verify the arena's invariants; :raises AssertionError: naming the first that fails."""

# -- holders and waiters -------------------------------------------------------------------------

def primitives() -> list[tuple[str, int, int, list[HolderRow], list[tuple[int, str]], str | None]]:
    """Every primitive of the arena: (kind, index, generation, holders, waiters, creation site)."""

def waiters(index: int, generation: int, /) -> list[tuple[int, str]]:
    """(pid, name) for each thread that waits for that cell, up to eight of a process."""

def set_site_finder(finder: Callable[[], str] | None, /) -> None:
    """Install the function that returns the line which makes a primitive; ``None`` records none."""

# -- messages ------------------------------------------------------------------------------------

def arrow_releases() -> tuple[int, int]:
    """The addresses of C functions that release an ``ArrowSchema`` and an ``ArrowArray``.

    They drop a reference to the object whose address is ``private_data``, if that is not null.
    """

def set_pickler(
    dumps: Callable[[Any], bytes | tuple[list[Any], list[PickleBuffer]]], loads: Callable[..., Any]
) -> None:
    """Install the functions for objects that the kernel's own codec does not serve.

    :param dumps: returns a pickle; or its pieces, which are copied once, and the buffers that are sent in blocks of
        their own.
    :param loads: is called with a view of the pickle, and with the ``buffers`` if there are any.
    """

def pack(obj: object) -> Parcel:
    """Pickle ``obj`` into a parcel."""

def unpack(parcel: Parcel, /, take: bool = False, share: bool = False) -> Any:
    """A new object from a parcel; may be called several times.

    :param take: let the object refer to the parcel's large buffers, not to copies: no other code may unpack it.
    :param share: let the object refer to them by views that are read-only: other code may unpack it so, too.
    """

def set_startup_data(parcel: Parcel, slot: int, serial: int) -> None:
    """Give a reserved member a reference to ``parcel`` as its startup data."""

def take_startup_data() -> Parcel | None:
    """The startup data that this member got before it started; at most once."""

def attach(cls: type[_H], family: int, cell: int) -> _H:
    """A handle to an existing cell.

    :raises HandleError: if the cell is gone, or belongs to another family.
    """

def attach_token(cls: type[_H], token: bytes) -> _H:
    """The function that a pickled handle calls: :func:`attach`, with family and cell in one string of 16 bytes."""

OBSERVERS: int
"""How many there may be in the family."""
KEY_JOINED: int
"""What every observer is told when a member has joined, and when one was reaped, or has left."""
KEY_DIED: int

# -- pipes ---------------------------------------------------------------------------------------

PIPE_MESSAGES: int
PIPE_BYTES: int
"""``maxsize`` and ``max_bytes`` of a pipe's rings."""

def doorbell(ring: Queue[Any], /) -> tuple[int, int]:
    """A new doorbell for a new ring: its reading and its writing descriptor."""

_C = TypeVar("_C", bound=type)

def own_methods(cls: _C, /) -> _C:
    """Give a subclass descriptors of its own of the kernel's methods; as a decorator.

    CPython specialises the call of a C method only for the exact type that defines it.  Nothing
    between ``cls`` and the kernel's type may override them.
    """
