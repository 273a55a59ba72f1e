"""ctypes objects in memory of the arena: the plain part of `sharedctypes`.

An object is one of the exact type that was asked for.  What makes it a shared one is its memory,
which it keeps alive as any ctypes object does its buffer's, and a ``__reduce_ex__`` of its own, by
which it pickles as a handle.  So nothing is registered for its type, and a private object of the
same type is pickled by value as ever.

This module imports ctypes (2 ms), so it is imported where first needed.
"""

from __future__ import annotations

import ctypes
import importlib
import operator
from collections.abc import Callable, Sequence

from processing_core import lowlevel
from processing_core.annotations import Any, TypeVar

__all__ = ["as_type", "copy", "new_array", "new_value", "object_over"]

T = TypeVar("T")

Memory = lowlevel.Block | lowlevel.Scalar
_Reduced = tuple[Callable[..., Any], tuple[Any, ...]]

TYPES: dict[str, type[Any]] = {
    "c": ctypes.c_char,
    "u": ctypes.c_wchar,
    "b": ctypes.c_byte,
    "B": ctypes.c_ubyte,
    "h": ctypes.c_short,
    "H": ctypes.c_ushort,
    "i": ctypes.c_int,
    "I": ctypes.c_uint,
    "l": ctypes.c_long,
    "L": ctypes.c_ulong,
    "q": ctypes.c_longlong,
    "Q": ctypes.c_ulonglong,
    "f": ctypes.c_float,
    "d": ctypes.c_double,
    "?": ctypes.c_bool,
}


def as_type(typecode_or_type: Any) -> type[Any]:
    """The type of ctypes for a typecode or type.

    :raises TypeError: if it is neither, or holds Python objects.
    """
    if isinstance(typecode_or_type, str) and typecode_or_type in TYPES:
        return TYPES[typecode_or_type]
    if not isinstance(typecode_or_type, type) or not hasattr(typecode_or_type, "from_buffer"):
        raise TypeError(f"bad typecode {typecode_or_type!r}: it must be one of {' '.join(TYPES)}, or a type of ctypes")
    if issubclass(typecode_or_type, ctypes.py_object):
        raise TypeError(f"type {typecode_or_type!r}: Python objects cannot be shared")
    return typecode_or_type


def new_value(type_: type[Any]) -> Any:
    """A zeroed object of a type, in memory of its own."""
    return object_over(type_, lowlevel.Block(ctypes.sizeof(type_)))


def new_array(typecode_or_type: Any, size_or_initializer: int | Sequence[Any]) -> Any:
    """An array, zeroed or with the items given.

    :raises TypeError: if the type is none, or the second argument is neither a size nor a sequence, or holds
        items of another type.
    :raises ValueError: if the size is negative.
    """
    element = as_type(typecode_or_type)
    given: Any = size_or_initializer
    if hasattr(given, "__index__") and not hasattr(given, "__len__"):  # as a NumPy array has, too
        return new_value(element * operator.index(given))
    array = new_value(element * len(given))
    array.__init__(*given)
    return array


def copy(obj: T) -> T:
    """A new shared object of the same type with the same contents.

    Does not block.

    :param obj: an object of ctypes, shared or not.
    :raises TypeError: if it is something else.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> from processing_managers.sharedctypes import copy
    >>> copy(processing.RawArray("i", [1, 2, 3]))[:]
    [1, 2, 3]
    """
    type_ = as_type(type(obj))
    new: T = new_value(type_)
    ctypes.memmove(ctypes.addressof(new), ctypes.addressof(obj), ctypes.sizeof(type_))  # type: ignore[arg-type]
    return new


# -- objects on shared memory, and their pickles ---------------------------------------------------


def object_over(type_: type[Any], memory: Memory) -> Any:
    """An object of a type on memory that is shared already."""
    obj = type_.from_buffer(memory)
    obj.__reduce_ex__ = _Reducer(type_, memory)
    return obj


class _Reducer:
    """Pickles one object as its type and memory; knows not the object itself, which would be a cycle."""

    __slots__ = ("memory", "type")

    def __init__(self, type_: type[Any], memory: Memory) -> None:
        self.type, self.memory = type_, memory

    def __call__(self, protocol: int) -> _Reduced:
        memory = self.memory
        if isinstance(memory, lowlevel.LockedScalar):  # not together with its lock
            memory = memory._bare(lowlevel.Scalar)
        element, lengths = _describe(self.type)
        return _rebuild, (element, lengths, memory)


def _describe(type_: Any) -> tuple[Any, tuple[int, ...]]:
    """The innermost element of an array type, whose class has no name to be found by, and the lengths."""
    lengths: tuple[int, ...] = ()
    while issubclass(type_, ctypes.Array) and not _importable(type_):
        type_, lengths = type_._type_, (*lengths, type_._length_)
    code = getattr(type_, "_type_", None)
    return (code if isinstance(code, str) and TYPES.get(code) is type_ else type_), lengths


def _importable(type_: type[Any]) -> bool:
    try:
        return getattr(importlib.import_module(type_.__module__), type_.__qualname__, None) is type_
    except ImportError:
        return False


def _rebuild(element: Any, lengths: tuple[int, ...], memory: Memory) -> Any:
    type_ = as_type(element)
    for length in reversed(lengths):
        type_ = type_ * length
    return object_over(type_, memory)
