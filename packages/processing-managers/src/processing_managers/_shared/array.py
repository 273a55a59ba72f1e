"""`Array`: items of one type that processes share, in a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from processing_core.annotations import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, overload
from processing_core.lowlevel import limit_named, register_factory
from processing_managers._shared.synchronized import (
    LockLike,
    SynchronizedBase,
    checked_lock,
    guarded,
    register_array_wrappers,
)
from processing_managers._shared.value import FloatCode, IntCode

if TYPE_CHECKING:
    import ctypes

__all__ = ["Array", "RawArray", "SynchronizedArray", "SynchronizedString", "wrapper_of_array"]

T = TypeVar("T")
CT = TypeVar("CT", bound="ctypes._CData")

_Lock = LockLike | Literal[True] | None
_Init = int | Sequence[T]


def RawArray(typecode_or_type: type[CT] | str, size_or_initializer: int | Sequence[Any]) -> ctypes.Array[CT]:
    """An array like `Array`, without a lock: an object of ctypes in shared memory.

    It can be sent to any process of the family, and exists as long as a process refers to it or to a view of its
    buffer. Does not block.

    :param typecode_or_type: as for `Array`.
    :param size_or_initializer: as for `Array`.
    :raises TypeError: if there is no such type, or an item is of another.
    :raises ValueError: if the size is negative.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> memoryview(processing.RawArray("i", 3)).nbytes
    12
    """
    with limit_named():
        from processing_managers._shared.raw import new_array

    return new_array(typecode_or_type, size_or_initializer)  # type: ignore[no-any-return]


class _Items(SynchronizedBase, Generic[T]):
    """What arrays with a lock have in common."""

    def __len__(self) -> int:
        return len(self._obj)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        with self._lock:
            return self._obj[index]  # type: ignore[no-any-return]

    @overload
    def __setitem__(self, index: int, item: T) -> None: ...
    @overload
    def __setitem__(self, index: slice, item: Any) -> None: ...
    def __setitem__(self, index: int | slice, item: Any) -> None:
        with self._lock:
            self._obj[index] = item

    def __iter__(self) -> Iterator[T]:
        for index in range(len(self._obj)):
            yield self[index]


class Array(_Items[T]):
    """Items of one type that processes share, with a lock; it can be sent to any process of the family.

    Reading and writing an item or a slice takes the lock; ``with array:`` makes several of these one.
    An array of characters (``c``) is also a string: ``value`` is what comes before the first NUL,
    ``raw`` is all of it.

    :param typecode_or_type: a typecode as for `Value`, or any type of :mod:`ctypes` that holds no Python objects.
    :param size_or_initializer: how many items, which are zero; or a sequence of them.
    :param lock: ``True`` or ``None`` for an `RLock` of its own; a lock, such as another array's; or ``False`` for
        none, which makes a `RawArray`.
    :param ctx: for compatibility; nothing depends on it.
    :raises TypeError: if there is no such type, or an item is of another.
    :raises ValueError: if the size is negative.
    :raises AttributeError: if ``lock`` is no lock.
    :raises MemoryError: if the family's arena is full.

    >>> import processing
    >>> numbers = processing.Array("d", [0.5, 1.5])
    >>> numbers[0] += 1
    >>> numbers[:]
    [1.5, 1.5]
    """

    @overload
    def __new__(  # type: ignore[misc]  # the checkers take what is no Array here as it is meant
        cls, typecode_or_type: type[CT], size_or_initializer: _Init[Any], *, lock: Literal[False], ctx: object = None
    ) -> ctypes.Array[CT]: ...
    @overload
    def __new__(
        cls, typecode_or_type: str, size_or_initializer: _Init[Any], *, lock: Literal[False], ctx: object = None
    ) -> Any: ...
    @overload
    def __new__(
        cls, typecode_or_type: IntCode, size_or_initializer: _Init[int], *, lock: _Lock = True, ctx: object = None
    ) -> SynchronizedArray[int]: ...
    @overload
    def __new__(
        cls, typecode_or_type: FloatCode, size_or_initializer: _Init[float], *, lock: _Lock = True, ctx: object = None
    ) -> SynchronizedArray[float]: ...
    @overload
    def __new__(
        cls,
        typecode_or_type: Literal["?"],
        size_or_initializer: _Init[object],
        *,
        lock: _Lock = True,
        ctx: object = None,
    ) -> SynchronizedArray[bool]: ...
    @overload
    def __new__(
        cls, typecode_or_type: Literal["c"], size_or_initializer: _Init[Any], *, lock: _Lock = True, ctx: object = None
    ) -> SynchronizedString: ...
    @overload
    def __new__(
        cls,
        typecode_or_type: type[ctypes.c_char],
        size_or_initializer: _Init[Any],
        *,
        lock: _Lock = True,
        ctx: object = None,
    ) -> SynchronizedString: ...
    @overload
    def __new__(
        cls,
        typecode_or_type: type[ctypes._SimpleCData[T]],
        size_or_initializer: _Init[T],
        *,
        lock: _Lock = True,
        ctx: object = None,
    ) -> SynchronizedArray[T]: ...
    @overload
    def __new__(
        cls,
        typecode_or_type: str | type[Any],
        size_or_initializer: _Init[Any],
        *,
        lock: _Lock = True,
        ctx: object = None,
    ) -> SynchronizedArray[Any]: ...
    def __new__(cls, typecode_or_type: Any, size_or_initializer: Any, *, lock: Any = True, ctx: object = None) -> Any:
        obj = RawArray(typecode_or_type, size_or_initializer)
        if lock is False:
            return obj
        return wrapper_of_array(type(obj))(obj, checked_lock(lock))


if TYPE_CHECKING:
    _Base = Array
else:
    _Base = _Items  # otherwise calling `Array` would initialize the wrapper that it makes by its own arguments, too


class SynchronizedArray(_Base[T]):
    """An array and its lock.

    :param obj: an array of ctypes.
    :param lock: its lock; ``None`` makes an `RLock`.
    :param ctx: for compatibility; nothing depends on it.
    :raises AttributeError: if ``lock`` is no lock.
    """

    if TYPE_CHECKING:

        def __new__(cls, obj: Any, lock: LockLike | None = None, ctx: object = None) -> Self: ...


Array.register(SynchronizedArray)


class SynchronizedString(SynchronizedArray[bytes]):
    """An array of characters and its lock."""

    value: bytes = guarded("value")  # type: ignore[assignment]
    raw: bytes = guarded("raw")  # type: ignore[assignment]


def wrapper_of_array(type_: Any) -> type[SynchronizedArray[Any]]:
    """The wrapper class for a type of arrays."""
    import ctypes

    return SynchronizedString if type_._type_ is ctypes.c_char else SynchronizedArray


register_array_wrappers(wrapper_of_array)
register_factory("Array", Array)
register_factory("RawArray", RawArray)
