"""Types of the native kernel: its classes whose objects are handles of cells, as queues and locks.

At run time they are in `processing_core._kernel`; there is no module of this name.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, Protocol, Self, TypeAlias, TypeVar, final

from _typeshed import ReadableBuffer, WriteableBuffer

_T = TypeVar("_T")
_S = TypeVar("_S", bound=Scalar)

HolderRow: TypeAlias = tuple[tuple[int | None, str | None], bool, int, float | None, bool]
"""((pid, name), alive, depth or permits, seconds held if known, whether it repairs)"""

class Handle:
    """One shared cell, by (index, generation).  Handles are compared and hashed by these two."""

    # The kernel's constructors are `__new__`; `__init__` makes an object anew, if its class is one that a program
    # derives. The types say `__init__` where programs derive, for there it is what such a class calls and overrides.
    def __init__(self, *args: Any, **kwds: Any) -> None: ...
    @property
    def cell(self) -> tuple[int, int]: ...

@final
class Parcel(Handle):
    """A pickled object in an arena block, together with the references that it carries."""

# -- the ring ------------------------------------------------------------------------------------

class Queue(Handle, Generic[_T]):
    """A queue over a ring of the arena.  Operations are atomic; a killed process loses at most its own."""

    def __init__(self, maxsize: int = 0, max_bytes: int = 0, *, ctx: object = None) -> None: ...
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
    def _watch(self, observer: Observer | None = None, /) -> bool:
        """Whether a get would not wait; if it would, the next put or shutdown tells the observer, once."""

    def _observe(self, observer: Observer, what: int = 0, /) -> int:
        """Register an observer for a get (0), a put (1) or a join (2) that becomes possible: its key."""

    def _task_done(self) -> None:
        """Report that one of the messages that were put is finished; also after :meth:`close`.

        :raises ValueError: if all of them are finished already.
        """

    def _unfinished(self) -> int:
        """How many of the messages that were put are not finished."""

    def _join(self, timeout: float | None = None, /) -> bool:
        """Wait until every message that was put is finished; return whether that was in time.

        Also after :meth:`close`.
        """

    def close(self) -> None:
        """Refuse every later use of this handle."""

    @property
    def _closed(self) -> bool: ...

class Channel(Queue[_T]):
    """A queue whose messages carry two numbers (64 bits), which are readable even if the object cannot be unpickled."""

    def _send(self, job_id: int, index: int, obj: object, /) -> int:
        """Put an object with its two numbers.

        :return: the message's number in the ring.
        """

    def _send_many(
        self,
        job_id: int,
        index: int,
        objs: list[Any],
        progress: list[int] = ...,
        failures: list[tuple[int, BaseException]] = ...,
        /,
    ) -> list[tuple[int, BaseException]]:
        """Send ``objs[i]`` with (job_id, index + i); for an object that cannot be pickled, (index + i, exception) is appended to ``failures``. ``progress[0]`` is the next index to send, even if an exception is raised."""

    def _receive(self, timeout: float | None = None, /) -> tuple[int, int, int, bool | list[int], Any]:
        """(job_id, index, items, True, object), or (job_id, index, items, False, the exception that unpickling raised).

        ``items`` is 0 if one object was sent.
        :raises queue.Empty: at the timeout.
        :raises ClosedError: if the queue is empty and shut.
        """

    def _receive_many(
        self,
        limit: int,
        timeout: float | None = None,
        into: list[tuple[int, int, int, bool | list[int], Any]] | None = None,
        /,
    ) -> list[tuple[int, int, int, bool | list[int], Any]]:
        """At most ``limit`` rows as :meth:`_receive` returns them; waits for the first; none at the timeout.

        If several results arrive together, the object is their list, and instead of True there may be a list of the
        indexes of failures: exceptions that unpickling raised, and results that were saved as failures.  The rows are
        appended to ``into``, so that none is lost if a signal handler raises.
        """

    def _shut(self) -> None:
        """Refuse further puts; gets take the remaining objects, and then raise ``ShutDown``, and ``_receive`` ``ValueError``."""

class TaskQueue(Channel[_T]):
    """A channel of tasks, which are claimed when they are taken, or of their results."""

    def _send(self, job_id: int, index: int, obj: object, claims: Claims = ..., worker: int = 0, /) -> int:
        """Put an object with its two numbers.

        With ``claims`` it is the result of the only item that is claimed there, at ``worker``.
        :return: the message's number in the ring.
        """

    def _send_batch(self, job_id: int, index: int, objs: list[Any] | range, progress: list[int], /) -> int:
        """Send all of ``objs`` in one message; ``progress[0]`` becomes index + their number, even if an exception is raised.

        :raises BufferError: if several have large buffers; then nothing was sent.
        """

    def _receive(
        self, timeout: float | None = None, claims: Claims | None = None, worker: int = 0, /
    ) -> tuple[int, int, int, bool | list[int], Any]:
        """As that of `Channel`.

        With ``claims`` the message is claimed there, at ``worker``, before it is taken; its first item is begun.

        :raises ClosedError: if the queue is empty and shut, or the taker is stopped.
        """

    def _save(self, claims: Claims, worker: int, result: object, failed: bool, /) -> bool:
        """Save the result of the item that runs; return whether the next item of its batch is begun.

        :raises Exception: if it cannot be pickled; then nothing has changed.
        """

    def _run(self, claims: Claims, worker: int, results: Iterator[object], /) -> tuple[object, BaseException] | None:
        """Save the results of a batch, of which the first item is begun; each step of ``results`` runs an item.

        :return: (a result, why it cannot be pickled), if the caller must still save an outcome for that item; ``None``
            at the end.
        :raises BaseException: what an item raises; the caller must save it.
        """

    def _flush(self, claims: Claims, worker: int, /) -> bool:
        """Send what was saved; the batch is done."""

    def _send_saved(self, job_id: int, index: int, n: int, results: bytes, /) -> None:
        """Send what :meth:`Claims.saved` gave."""

    def _cancel(self, job_id: int, first: int, last: int, number: int = 0, /) -> int:
        """Cancel the messages (job_id, first..last) that no worker has taken, from message ``number`` on.

        :return: how many there were.
        """

    def _recover_claims(self) -> None:
        """Repair what dead takers left; afterwards their claims are exact. May wait for the ring's lock."""

    def _bytes_put(self) -> int:
        """Bytes that were ever put."""

    def _rouse(self) -> None:
        """Have takers that sleep look whether they are to end (:meth:`Claims.retire`)."""

@final
class DescriptorWaits:
    """Waits for descriptors that are told to a socket (Windows); used by one thread at a time.

    :param fd: of ``socket``, which does not block; a byte is sent through it when waits are over.
    :raises OSError: where the system has sets of descriptors that are descriptors themselves.
    """

    def __new__(cls, socket: object, fd: int, /) -> Self: ...
    def begin(self, fd: int, readable: bool, writable: bool, /) -> int:
        """Wait once for a descriptor; the number of this wait.  Only sockets are waited for until they are writable."""

    def end(self, number: int, /) -> None:
        """Give a wait up; nothing if it is over."""

    def take(self) -> int:
        """The number of a wait that is over; 0 if there is none.  What was received before must be read first."""

    def close(self) -> None: ...

@final
class Observer:
    """A descriptor that becomes readable when one of the objects changes that it was registered with."""

    def tell(self, key: int, /) -> None:
        """Be told a key; from any thread of the process."""

    def take(self, every: bool = False, /) -> list[int] | None:
        """The keys of what has changed since; ``None`` if there were too many to be kept.

        :param every: look at those, too, of which a killed process has not said that they are there.
        """

    def fileno(self) -> int:
        """The descriptor; -1 if the family has no room for a further observer."""

    def close(self) -> None: ...

class SupportsDetach(Protocol):
    """The owner of a descriptor."""

    def detach(self) -> int: ...

class PipeEnd:
    """An end of a pipe: a ring to receive from, one to send into, and the descriptors of their doorbells."""

    def __new__(
        cls,
        incoming: Queue[Any] | None,
        outgoing: Queue[Any] | None,
        reading: SupportsDetach | None,
        writing: SupportsDetach | None,
        /,
    ) -> Self:
        """Take over the descriptors, which are detached from their owners; ``None`` where there is no ring."""

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
    def _send_now(self, obj: Any, /) -> None:
        """Send without waiting: :raises BlockingIOError: if there is no room."""

    def _send_bytes_now(self, buf: Any, offset: int = 0, size: int | None = None) -> None: ...
    def _recv_now(self) -> Any:
        """Receive without waiting: :raises BlockingIOError: if there is no message."""

    def _recv_bytes_now(self, maxlength: int | None = None) -> bytes: ...
    def _recv_bytes_into_now(self, buf: Any, offset: int = 0) -> int: ...
    def _watch(self) -> bool:
        """Whether there is a message; if not, the next one, or the end, makes the doorbell readable."""

    def _ready(self) -> bool:
        """Whether there is a message, or the end."""

    def _parts(self) -> tuple[Queue[Any] | None, Queue[Any] | None, int, int]:
        """Its rings and descriptors; it goes on owning the descriptors.

        :raises ClosedError: if it was closed.
        """

class PriorityQueue(Handle, Generic[_T]):
    """A queue of which the last object, or the one with the least key, is taken first.

    Methods with an underscore are as in `Queue`.
    """

    def __new__(cls, maxsize: int = 0, max_bytes: int = 0, ordered: bool = False) -> Self: ...
    def _put(self, key: object, obj: _T, block: bool = True, timeout: float | None = None) -> None:
        """Put an object.

        :param key: what it is sorted by: None, bools, numbers, text, bytes, and tuples and lists of these; for an
            ordered one only.
        :raises TypeError: if it is anything else.  In a tuple the key ends before it, unless it is the first.
        """

    def _get(self, block: bool = True, timeout: float | None = None, *, copy: bool = False) -> _T: ...
    def _watch(self, observer: Observer | None = None, /) -> bool:
        """As that of :class:`Queue`."""

    def _observe(self, observer: Observer, what: int = 0, /) -> int:
        """As that of :class:`Queue`."""

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
    """For each of several takers: which message it took last; readable after its death."""

    def __new__(cls, places: int, /) -> Self: ...
    def read(self, worker: int, /) -> tuple[int, int] | None:
        """The two numbers of the message last taken; exact for a dead taker after :meth:`TaskQueue._recover_claims`."""

    def look(self, worker: int, /) -> tuple[int, int, int, int, bool, int, int, int] | None:
        """(job_id, index, next, end, whether an item runs, finished, when it began in ns, the claim's word).

        Items ``[next, end)`` of the message are not begun; ``finished`` have results.
        """

    def stop(self, worker: int, word: int, /) -> bool:
        """Keep the taker from beginning another item; ``False`` if the claim's word has changed since it was ``word``."""

    def revoke(self, worker: int, word: int, n: int, /) -> bool:
        """Take away the last ``n`` items that are not begun; ``False`` as for :meth:`stop`."""

    def saved(self, worker: int, /) -> tuple[int, int, bytes]:
        """For a dead taker: (how many results, from which item on, their bytes) that it may not have sent."""

    def write(self, worker: int, job_id: int, index: int, /) -> None:
        """Stand there without having taken anything yet."""

    def figures(self, worker: int, /) -> tuple[int, int, int, int, int, bool, int]:
        """(items with a result, ns idle, since when it is idle, when it was ready, when its item began, whether one runs,
        the cell of the function of its last call), for introspection."""

    def listed(self) -> list[tuple[int, int]]:
        """(number in the message, ns) of the items just run that took longer than this taker's longest; once."""

    def name(self, worker: int, cell: int, text: str, /) -> None:
        """The name of a function that the taker has taken, by the cell of its parcel."""

    def belong(self, tasks: int, results: int, /) -> None:
        """The cells of the rings of the pool whose claims these are."""

    def note(self, worker: int, ns: int, text: str, /) -> bool:
        """Describe one of its longest items; whether it was one."""

    def longest(self, worker: int, /) -> list[tuple[int, str]]:
        """(ns, description) of its longest items, in no order."""

    def retire(self, worker: int, /) -> None:
        """Have the taker end when the item that it runs is done; :meth:`TaskQueue._rouse` wakes it if it sleeps."""

    def clear(self, worker: int, /) -> None:
        """Forget the claim, before another taker gets the place."""

# -- locks ---------------------------------------------------------------------------------------

class _Lock(Handle):
    def __init__(self, *, ctx: object = None) -> None: ...
    def acquire(self, block: bool = True, timeout: float | None = None) -> bool: ...
    def release(self) -> None: ...
    def __enter__(self) -> bool: ...
    def __exit__(self, *exc_info: object) -> None: ...
    def locked(self) -> bool: ...
    def _is_owned(self) -> bool: ...
    def _observe(self, observer: Observer, /) -> int:
        """Register an observer, which is told once when the wait for this may be over: its key."""

    def _abandoned(self) -> bool:
        """Whether its owner is dead."""

    def _acquire_as(self, task: int, /) -> bool:
        """Whether the task of that number holds the RLock now; does not wait."""

    def _release_all(self) -> int:
        """Let it go altogether; how deep it was held."""

    def _restore(self, depth: int, /) -> None:
        """Hold the lock, once it was acquired again, as deep as before."""

    def _release_owned(self) -> None: ...
    def _holders(self) -> list[HolderRow]: ...
    def _holder(self) -> tuple[int, str, str, int]:
        """(pid, name, what, depth); ``what`` is free, mine, thread (of this process), process (another) or dead."""

    def _begin_repair(self) -> None: ...
    def _end_repair(self, repaired: bool, /) -> None: ...

class Lock(_Lock): ...
class RLock(_Lock): ...

# -- semaphores, events, conditions --------------------------------------------------------------

class Semaphore(Handle):
    def __init__(self, value: int = 1, *, reclaim: bool = False, ctx: object = None) -> None: ...
    @property
    def reclaim(self) -> bool: ...
    def _observe(self, observer: Observer, /) -> int:
        """Register an observer, which is told once when the wait for this may be over: its key."""

    def _holders(self) -> list[HolderRow]: ...
    def acquire(self, block: bool = True, timeout: float | None = None) -> bool: ...
    def release(self, n: int = 1) -> None: ...
    def __enter__(self) -> bool: ...
    def __exit__(self, *exc_info: object) -> None: ...
    def get_value(self) -> int: ...

class BoundedSemaphore(Handle):
    def __init__(self, value: int = 1, *, ctx: object = None) -> None: ...
    def _observe(self, observer: Observer, /) -> int:
        """Register an observer, which is told once when the wait for this may be over: its key."""

    def _holders(self) -> list[HolderRow]: ...
    def acquire(self, block: bool = True, timeout: float | None = None) -> bool: ...
    def release(self, n: int = 1) -> None: ...
    def __enter__(self) -> bool: ...
    def __exit__(self, *exc_info: object) -> None: ...
    def get_value(self) -> int: ...
    @property
    def _maximum(self) -> int: ...

class Event(Handle):
    def __init__(self, *, ctx: object = None) -> None: ...
    def set(self) -> None: ...
    def clear(self) -> None: ...
    def _observe(self, observer: Observer, /) -> int:
        """Register an observer, which is told once when the wait for this may be over: its key."""

    def _sets(self) -> int:
        """How often it was set."""

    def _passed(self, sets: int, /) -> bool:
        """Whether it is set, or was since it had been set so often."""

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
    def _wait_begin(self) -> int:
        """Wait, by a waiter of this name, which is also what its observer is told; the lock is held."""

    def _wait_observe(self, waiter: int, observer: Observer, /) -> bool:
        """Whether the waiter is notified; if not, the observer will be told."""

    def _wait_end(self, waiter: int, notified: bool, /) -> bool | None:
        """End the wait, with the lock held: whether it was notified; ``None``: it goes on."""

    def _wait_abandon(self, waiter: int, /) -> None:
        """End the wait; a notification passes on."""

    @property
    def _lock(self) -> Lock | RLock: ...
    @property
    def _waiters(self) -> int:
        """How many wait and are not notified."""

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
        """Add to a number by one atomic read-modify-write, sequentially consistent, as the next three methods.

        :raises OverflowError: if the type has no room for the sum; the value does not change.
        """

    def fetch_add(self, amount: Any, /) -> Any:
        """Add, and return what the value was."""

    def exchange(self, value: Any, /) -> Any:
        """Set the value and return what it was."""

    def compare_exchange(self, expected: Any, value: Any, /) -> bool:
        """Set the value if it equals ``expected``; return whether it did."""

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
    """Plain memory, aligned for every type; filled with zeros, or with arbitrary bytes.

    Its buffer is writable, and a view of it keeps the memory alive in every process that has one.
    :raises MemoryError: if the family's arena is full.
    """

    def __new__(cls, size: int, zeroed: bool = True) -> Self: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
