"""`SharedArray`: a NumPy array in the arena.

NumPy is an extra, and takes long to import, so it is imported where it is first needed.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterable, Iterator, Sequence
from math import prod
from types import ModuleType

from processing_core import lowlevel
from processing_core.annotations import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    import numpy
    from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["SharedArray"]

S = TypeVar("S", bound="numpy.generic")
A = TypeVar("A", bound="numpy.generic")

_Shape = int | Sequence[int]
_UNSHARED = "OT"  # kinds of dtypes whose items are pointers into one process


class SharedArray(Generic[S]):
    """A NumPy array that processes share: it can be sent anywhere in the family, and is not copied on the way.

    Compute with its `array`. An index or slice of a `SharedArray` works as for an array; but where NumPy would return a
    view, it is a `SharedArray`, which shares that part of the memory and can be sent by itself. The memory exists as
    long as a process of the family refers to it, or to an array on it; it has no name, so it need not be unlinked. No
    operation locks: use a `Lock` if several processes write.

    Making one does not block, but takes the time of zeroing its memory, without the GIL.  Process- and thread-safe as
    NumPy is.

    :param shape: the length of each dimension; or one length.
    :param dtype: the type of the items, which are zero at first; what holds Python objects cannot be shared.
    :raises ImportError: if NumPy is not installed: ``pip install 'processing-managers[numpy]'``.
    :raises TypeError: if a length is no integer, or there is no such dtype, or its items are not plain memory.
    :raises ValueError: if a length is negative.
    :raises MemoryError: if the family's arena is full, or may not grow so large.

    >>> import processing
    >>> shared = processing.SharedArray((2, 3), "i4")
    >>> shared.array[1] = 7, 8, 9
    >>> row = shared[1]
    >>> row.array *= 2
    >>> shared.array.tolist()
    [[0, 0, 0], [14, 16, 18]]
    """

    __slots__ = ("__weakref__", "_array", "_block")

    _array: NDArray[S]
    _block: lowlevel.Block

    @overload
    def __init__(self: SharedArray[numpy.bool_], shape: _Shape, dtype: type[bool]) -> None: ...
    @overload
    def __init__(self: SharedArray[numpy.int_], shape: _Shape, dtype: type[int]) -> None: ...
    @overload
    def __init__(self: SharedArray[numpy.float64], shape: _Shape, dtype: type[float] = ...) -> None: ...
    @overload
    def __init__(self: SharedArray[S], shape: _Shape, dtype: type[S] | numpy.dtype[S]) -> None: ...
    @overload
    def __init__(self: SharedArray[Any], shape: _Shape, dtype: DTypeLike) -> None: ...
    def __init__(self, shape: _Shape, dtype: Any = float) -> None:
        numpy = _numpy()
        lengths, checked = _lengths(shape), _shareable(numpy.dtype(dtype))
        self._block = _block(lengths, checked, zeroed=True)
        self._array = numpy.ndarray(lengths, checked, self._block)

    @overload
    @classmethod
    def from_array(cls, array: NDArray[A]) -> SharedArray[A]: ...
    @overload
    @classmethod
    def from_array(cls, array: object) -> SharedArray[Any]: ...  # ArrayLike is partly unknown to pyright
    @classmethod
    def from_array(cls, array: Any) -> SharedArray[Any]:
        """A shared copy of an array; the only copy that is made.  Does not block.

        :param array: an array, or what NumPy takes for one; a `SharedArray` too.
        :raises ImportError: if NumPy is not installed.
        :raises TypeError: if its items are Python objects.
        :raises MemoryError: if the family's arena is full, or may not grow so large.

        >>> import processing
        >>> processing.SharedArray.from_array([0.5, 1.5])
        SharedArray([0.5, 1.5])
        """
        numpy = _numpy()
        source = numpy.asarray(array)
        block = _block(source.shape, _shareable(source.dtype), zeroed=False)
        copied = numpy.ndarray(source.shape, source.dtype, block)
        copied[...] = source
        return cls._over(copied, block)

    @classmethod
    def _over(cls, array: Any, block: lowlevel.Block) -> SharedArray[Any]:
        self = cls.__new__(cls)
        self._array, self._block = array, block
        return self

    @property
    def array(self) -> NDArray[S]:
        """The array: an `ndarray` on the shared memory, which it keeps alive.  Pickled by itself it is copied.

        An assignment writes into the memory, so that ``shared.array += 1`` changes it.
        """
        return self._array

    @array.setter
    def array(self, items: ArrayLike) -> None:
        if items is not self._array:
            self._array[...] = items

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each dimension, in items."""
        return self._array.shape

    @property
    def dtype(self) -> numpy.dtype[S]:
        """The type of the items."""
        return self._array.dtype

    @property
    def ndim(self) -> int:
        """How many dimensions there are."""
        return self._array.ndim

    @property
    def size(self) -> int:
        """How many items there are."""
        return self._array.size

    @property
    def nbytes(self) -> int:
        """Bytes that the items take."""
        return self._array.nbytes

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, index: Any) -> Any:
        part = self._array[index]
        numpy = _numpy()
        if isinstance(part, numpy.ndarray) and (part.size == 0 or numpy.may_share_memory(part, self._array)):
            return self._over(part, self._block)
        return part

    def __setitem__(self, index: Any, value: ArrayLike) -> None:
        self._array[index] = value

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self[index]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy:
            return self._array.astype(dtype or self._array.dtype, copy=True)
        return _converted(self._array, dtype, copy)

    def __reduce__(self) -> tuple[Any, ...]:
        array = self._array
        return _rebuilt, (type(self), self._block, array.dtype, array.shape, array.strides, self._offset())

    def _offset(self) -> int:
        """Where its first item is, in bytes from the block's begin; an empty array may be anywhere."""
        if self._array.size == 0:
            return 0
        begin = _numpy().ndarray((0,), "u1", self._block).ctypes.data
        return int(self._array.ctypes.data - begin)

    def _identity(self) -> tuple[Any, ...]:
        return self._block, self.dtype, self.shape, self._array.strides, self._offset()

    def __eq__(self, other: object) -> bool:
        """Whether both are the same part of the same memory, in the same form; compare items by `array`."""
        if not isinstance(other, SharedArray):
            return NotImplemented
        return bool(self._identity() == other._identity())

    def __hash__(self) -> int:
        return hash((self._block, self._offset()))

    def __repr__(self) -> str:
        return repr(self._array).replace("array(", "SharedArray(", 1)


def _numpy() -> ModuleType:
    try:
        with lowlevel.limit_named():
            import numpy
    except ImportError as error:
        raise ImportError("SharedArray needs NumPy: pip install 'processing-managers[numpy]'") from error
    return numpy


def _lengths(shape: Any) -> tuple[int, ...]:
    given = shape if isinstance(shape, Iterable) else (shape,)
    try:
        lengths = tuple(operator.index(length) for length in given)
    except TypeError:
        raise TypeError(f"shape {shape!r}: it must be an integer or a sequence of integers") from None
    if any(length < 0 for length in lengths):
        raise ValueError(f"shape {shape!r}: no length may be negative")
    return lengths


def _shareable(dtype: Any) -> Any:
    if dtype.hasobject or dtype.kind in _UNSHARED:
        raise TypeError(f"dtype {dtype!r}: its items are Python objects, which cannot be shared")
    if dtype.itemsize == 0:
        raise TypeError(f"dtype {dtype!r}: its items have no size; say how long they are, as in 'S8'")
    return dtype


def _block(lengths: tuple[int, ...], dtype: Any, *, zeroed: bool) -> lowlevel.Block:
    size = prod(lengths) * dtype.itemsize
    if size > sys.maxsize:
        raise MemoryError(f"shape {lengths!r} of {dtype!r}: {size} bytes are more than any arena holds")
    return lowlevel.Block(size, zeroed)


def _converted(array: NDArray[Any], dtype: Any, copy: bool | None) -> NDArray[Any]:
    if dtype is None or dtype == array.dtype:
        return array
    if copy is False:
        raise ValueError(f"an array of {array.dtype!r} is none of {dtype!r} without a copy")
    return array.astype(dtype)


def _rebuilt(
    cls: type[SharedArray[Any]],
    block: lowlevel.Block,
    dtype: Any,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    offset: int,
) -> SharedArray[Any]:
    """A `SharedArray` on the same memory, in any process."""
    return cls._over(_numpy().ndarray(shape, dtype, block, offset, strides), block)
