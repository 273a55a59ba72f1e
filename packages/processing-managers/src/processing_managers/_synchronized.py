"""Wrappers of shared ctypes objects that hold a lock beside each.

Reading and writing through a wrapper takes its lock; ``with wrapper:`` makes several of these one.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable

from processing_core.annotations import Any, Generic, Protocol, Self, TypeVar
from processing_sync import RLock

__all__ = [
    "LockLike",
    "Synchronized",
    "SynchronizedBase",
    "checked_lock",
    "guarded",
]

T = TypeVar("T")


class LockLike(Protocol):
    """What may stand beside a value: a lock that is a context manager and can be pickled."""

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take it; whether that was done in time."""

    def release(self) -> None:
        """Let it go."""

    def __enter__(self) -> Any: ...
    def __exit__(self, *exc_info: object) -> None: ...


def checked_lock(lock: Any) -> Any:
    """The lock that ``True`` or ``None`` or a lock asks for.

    :raises AttributeError: if it is none of these, as in ``multiprocessing``.
    """
    if lock is True or lock is None:
        return RLock()
    for name in ("acquire", "release", "__enter__", "__exit__"):
        if not hasattr(lock, name):
            raise AttributeError(f"lock {lock!r}: it must be True, False or a lock, and has no {name}()")
    return lock


class SynchronizedBase(metaclass=ABCMeta):
    """A shared ctypes object and its lock; it can be sent anywhere in the family, and equals itself there.

    :param obj: the object.
    :param lock: its lock; ``None`` makes an `RLock`.
    :param ctx: for compatibility; nothing depends on it.
    :raises AttributeError: if ``lock`` is no lock.
    """

    _obj: Any
    _lock: Any
    acquire: Callable[..., bool]
    release: Callable[[], None]

    # Not in __init__, for `Array` is called with other arguments than the wrapper that it makes.
    def __new__(cls, obj: Any, lock: LockLike | None = None, ctx: object = None) -> Self:
        self = super().__new__(cls)
        self._obj = obj
        self._lock = checked_lock(lock)
        self.acquire = self._lock.acquire
        self.release = self._lock.release
        return self

    def get_obj(self) -> Any:
        """The object without its lock."""
        return self._obj

    def get_lock(self) -> Any:
        """The lock beside the object."""
        return self._lock

    def getobj(self) -> Any:
        """0.52's name of `get_obj`; permanent."""
        return self.get_obj()

    def getlock(self) -> Any:
        """0.52's name of `get_lock`; permanent."""
        return self.get_lock()

    def __enter__(self) -> Any:
        return self._lock.__enter__()

    def __exit__(self, *exc_info: object) -> Any:
        return self._lock.__exit__(*exc_info)

    def __reduce__(self) -> tuple[Any, ...]:
        from processing_managers._wrapping import synchronized

        return synchronized, (self._obj, self._lock)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SynchronizedBase):
            return NotImplemented
        return bool(_identity(self._obj) == _identity(other._obj) and self._lock == other._lock)

    def __hash__(self) -> int:
        return hash(_identity(self._obj))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} wrapper for {self._obj}>"


def _identity(obj: Any) -> object:
    """What is the same in each process: the handle of shared memory; of a private object, its id."""
    return getattr(obj.__reduce_ex__, "memory", id(obj))


def guarded(name: str) -> property:
    """A property that reads and writes an attribute of the object under its lock."""

    def get(self: SynchronizedBase) -> Any:
        with self._lock:
            return getattr(self._obj, name)

    def put(self: SynchronizedBase, value: Any) -> None:
        with self._lock:
            setattr(self._obj, name, value)

    return property(get, put, doc=f"The object's ``{name}``, read and written under the lock.")


class Synchronized(SynchronizedBase, Generic[T]):
    """A wrapper of an object with a ``value``.  A `Value` of a simple type counts as one."""

    value: T = guarded("value")  # type: ignore[assignment]
