"""Wrappers of shared ctypes objects, each with a lock; `synchronized` chooses, or makes, the class.

Reading and writing through a wrapper takes its lock; ``with wrapper:`` makes several of these one.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable
from importlib import import_module
from operator import attrgetter
from weakref import WeakKeyDictionary

from processing_core import StateError
from processing_core.annotations import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar
from processing_core.lowlevel import Delegated, added_attributes
from processing_sync import RLock

__all__ = [
    "LockLike",
    "Synchronized",
    "SynchronizedBase",
    "checked_lock",
    "guarded",
    "register_array_wrappers",
    "synchronized",
    "wrapper_of",
]

T = TypeVar("T")


class LockLike(Protocol):
    """The lock of a value: a context manager that can be pickled."""

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

    if TYPE_CHECKING:  # what `Array` is called with goes to a wrapper's `__init__`, the checkers believe

        def __new__(cls, obj: Any, lock: LockLike | None = None, ctx: object = None) -> Self: ...
        def __init__(self, *args: Any, **kwds: Any) -> None: ...

    else:

        def __init__(self, obj, lock=None, ctx=None):
            self._obj = obj
            self._lock = checked_lock(lock)
            self.acquire = self._lock.acquire
            self.release = self._lock.release

    def get_obj(self) -> Any:
        """The object without its lock."""
        return self._obj

    def get_lock(self) -> Any:
        """The object's lock."""
        return self._lock

    def getobj(self) -> Any:
        """0.52's name of `get_obj`; permanent."""
        return self.get_obj()

    def getlock(self) -> Any:
        """0.52's name of `get_lock`; permanent."""
        return self.get_lock()

    if TYPE_CHECKING:

        def __enter__(self) -> Any: ...
        def __exit__(self, *exc_info: object) -> Any: ...

    else:
        __enter__, __exit__ = (Delegated(attrgetter("_lock"), name) for name in ("__enter__", "__exit__"))

    def __reduce__(self) -> tuple[Any, ...]:
        added = added_attributes(self, _OWN) or None
        if type(self) is wrapper_of(type(self._obj)):  # whose class need not be found by its name
            return synchronized, (self._obj, self._lock), added
        return _rebuilt, (type(self), self._obj, self._lock), added

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SynchronizedBase):
            return NotImplemented
        return bool(_identity(self._obj) == _identity(other._obj) and self._lock == other._lock)

    def __hash__(self) -> int:
        return hash(_identity(self._obj))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} wrapper for {self._obj}>"


_OWN = frozenset(["_obj", "_lock", "acquire", "release"])  # attributes


def _rebuilt(cls: type[SynchronizedBase], obj: Any, lock: Any) -> SynchronizedBase:
    wrapper = object.__new__(cls)
    SynchronizedBase.__init__(wrapper, obj, lock)  # a subclass's `__init__` may have parameters of its own
    return wrapper


def _identity(obj: Any) -> object:
    """A key that is the same in each process: the handle of shared memory; for a private object, its id."""
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


def synchronized(obj: Any, lock: LockLike | None = None, ctx: object = None) -> Any:
    """Wrap an object of ctypes together with a lock.

    Does not block.

    :param obj: the object, such as one that `RawValue` or `RawArray` made.
    :param lock: its lock; ``None`` makes an `RLock`.
    :param ctx: for compatibility; nothing depends on it.
    :return: a `SynchronizedBase`: with ``value`` for a simple type, a sequence for an array, with a property for
        each field of a structure.
    :raises StateError: if it is wrapped already.
    :raises AttributeError: if ``lock`` is no lock, or ``obj`` has no value, items or fields.

    >>> import processing
    >>> from processing_managers.sharedctypes import synchronized
    >>> synchronized(processing.RawArray("i", [1, 2, 3]))[1:]
    [2, 3]
    """
    if isinstance(obj, SynchronizedBase):
        raise StateError(f"{obj!r} is synchronized already")
    return wrapper_of(type(obj))(obj, lock)


# -- which wrapper ---------------------------------------------------------------------------------


def _loaded_wrapper_of_array(type_: type[Any]) -> type[SynchronizedBase]:
    import_module("processing_managers._shared.array")  # which registers another function
    return _Wrappers.of_array(type_)


class _Wrappers:
    of_array: Callable[[Any], type[SynchronizedBase]] = staticmethod(_loaded_wrapper_of_array)
    of_structures: WeakKeyDictionary[type[Any], type[SynchronizedBase]] = WeakKeyDictionary()


def register_array_wrappers(choose: Callable[[Any], type[SynchronizedBase]]) -> None:
    """Let `wrapper_of` take the wrapper class that ``choose`` returns for a type of arrays."""
    _Wrappers.of_array = staticmethod(choose)


def wrapper_of(type_: type[Any]) -> type[SynchronizedBase]:
    """The wrapper class for a type of ctypes."""
    import ctypes

    if issubclass(type_, ctypes.Array):
        return _Wrappers.of_array(type_)
    if issubclass(type_, ctypes._SimpleCData):
        return Synchronized
    if type_ not in _Wrappers.of_structures:
        _Wrappers.of_structures[type_] = _wrapper_of_fields(type_)
    return _Wrappers.of_structures[type_]


def _wrapper_of_fields(type_: type[Any]) -> type[SynchronizedBase]:
    """A wrapper class with a property for each field; it does not refer to the type, which may be forgotten."""
    fields = [field[0] for base in reversed(type_.__mro__) for field in base.__dict__.get("_fields_", ())]
    if not fields:
        fields = [field[0] for field in type_._fields_]  # says what is missing
    properties: dict[str, Any] = {name: guarded(name) for name in fields}
    properties["__module__"] = "processing_managers.sharedctypes"
    return type(f"Synchronized{type_.__name__}", (SynchronizedBase,), properties)
