"""NumPy's read-only arrays, which arrive writable.

Pickle's protocol 5 makes a buffer read-only at the receiver if it was read-only at the sender. But a received array is
a copy that belongs to the receiver, as with older protocols, even if the sender cannot write to its own: views of
`bytes` and of pandas' columns, memory maps opened for reading and many others are read-only.  So such an array is
pickled as a writable array that refers to the same memory; no code writes through that array.

Pickling begins without any of this, and is begun again by `pickler` when it meets the first read-only array.
"""

from __future__ import annotations

import copyreg
import functools
import sys

from processing_core import _reducers
from processing_core.annotations import Any, Literal

__all__ = ["is_array", "pickler"]


def is_array(obj: Any) -> bool:
    """Whether it is an array of NumPy's own class; others give pickle no buffers, but copies."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(obj) is getattr(numpy, "ndarray", None)


@functools.lru_cache(8)
def pickler(chosen: Any) -> Any:
    """The pickler that is ``chosen``, except that read-only arrays arrive writable."""
    override = getattr(chosen, "reducer_override", None)

    class ArrayPickler(chosen):  # type: ignore[misc]
        def reducer_override(self, obj: Any) -> Any:
            if is_array(obj) and not obj.flags.writeable and not _has_reducer(type(obj)):
                return _claimed_writable(obj).__reduce_ex__(5)
            return NotImplemented if override is None else override(self, obj)

    return ArrayPickler


def _has_reducer(kind: type) -> bool:
    return kind in copyreg.dispatch_table or _reducers.is_registered(kind)


def _claimed_writable(array: Any) -> Any:
    """An array on the same memory that says of itself that it is writable."""
    import numpy

    if not array.size or not (array.flags.c_contiguous or array.flags.f_contiguous) or array.dtype.hasobject:
        return array.copy()
    order: Literal["C", "F"] = "C" if array.flags.c_contiguous else "F"
    return numpy.ndarray(array.shape, array.dtype, numpy.asarray(_Memory(array)), order=order)


class _Memory:
    """An array's memory as bytes, by NumPy's array interface, which says and does not check whether it is read-only."""

    def __init__(self, array: Any) -> None:
        self._array = array  # keeps the memory
        address, _ = array.__array_interface__["data"]
        self.__array_interface__ = {"version": 3, "shape": (array.nbytes,), "typestr": "|u1", "data": (address, False)}
