"""`synchronized`: choosing, or making, the wrapper class for a ctypes object."""

from __future__ import annotations

import ctypes
from weakref import WeakKeyDictionary

from processing_core import StateError
from processing_core.annotations import Any
from processing_managers._array import wrapper_of_array
from processing_managers._synchronized import LockLike, Synchronized, SynchronizedBase, guarded

__all__ = ["synchronized"]


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
    return _wrapper_of(type(obj))(obj, lock)


# -- which wrapper ---------------------------------------------------------------------------------

_of_structures: WeakKeyDictionary[type[Any], type[SynchronizedBase]] = WeakKeyDictionary()


def _wrapper_of(type_: type[Any]) -> type[SynchronizedBase]:
    if issubclass(type_, ctypes.Array):
        return wrapper_of_array(type_)
    if issubclass(type_, ctypes._SimpleCData):
        return Synchronized
    if type_ not in _of_structures:
        _of_structures[type_] = _wrapper_of_fields(type_)
    return _of_structures[type_]


def _wrapper_of_fields(type_: type[Any]) -> type[SynchronizedBase]:
    """A wrapper class with a property for each field; it does not refer to the type, which may be forgotten."""
    fields = [field[0] for base in reversed(type_.__mro__) for field in base.__dict__.get("_fields_", ())]
    if not fields:
        fields = [field[0] for field in type_._fields_]  # says what is missing
    properties: dict[str, Any] = {name: guarded(name) for name in fields}
    properties["__module__"] = "processing_managers.sharedctypes"
    return type(f"Synchronized{type_.__name__}", (SynchronizedBase,), properties)
