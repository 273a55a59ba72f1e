"""NumPy's arrays that need help: read-only ones arrive writable, and large ones that pickle copies go out of band.

Pickle's protocol 5 makes a buffer read-only at the receiver if it was read-only at the sender. But a received array is
a copy that belongs to the receiver, as with older protocols, even if the sender cannot write to its own: views of
`bytes` and of pandas' columns, memory maps opened for reading and many others are read-only.  So such an array is
pickled as a writable array that refers to the same memory; no code writes through that array.

NumPy copies an array into its pickle if it is not contiguous, or contains times, for which the buffer protocol has no
name. Such an array is copied once, to be contiguous, or pickled as the integers that it consists of.

Pickling begins without any of this, and is begun again by `pickler` when it meets the first read-only array, or when it
has written a large array into the pickle.
"""

from __future__ import annotations

import copyreg
import functools
import itertools
import pickle
import sys

from processing_core import _reducers
from processing_core.annotations import Any, Literal

__all__ = ["has_copied", "is_array", "pickler"]

_LONG = 64 << 10
"""Bytes from which on a bytes object is written by itself, behind a piece that ends with its opcode and length."""


def is_array(obj: Any) -> bool:
    """Whether it is an array of NumPy's own class; others give pickle no buffers, but copies."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(obj) is getattr(numpy, "ndarray", None)


@functools.lru_cache(8)
def pickler(chosen: Any) -> Any:
    """The pickler that is ``chosen``, except that read-only arrays arrive writable, and large ones go out of band."""
    override = getattr(chosen, "reducer_override", None)

    class ArrayPickler(chosen):  # type: ignore[misc]
        def reducer_override(self, obj: Any) -> Any:
            if is_array(obj) and not _has_reducer(type(obj)):
                reduced = _reduced(obj)
                if reduced is not None:
                    return reduced
            return NotImplemented if override is None else override(self, obj)

    return ArrayPickler


def has_copied(pieces: list[Any]) -> bool:
    """Whether a large array was written into a pickle, as it seems from the pieces of this.

    An array's bytes follow its flag of Fortran's order, and few other bytes objects follow a bool.
    """
    return "numpy" in sys.modules and any(
        len(long) >= _LONG
        and type(piece) is bytes
        and (piece[-6:-4] in _AFTER_BOOL or piece[-10:-8] in _AFTER_BOOL_WIDE)
        for piece, long in itertools.pairwise(pieces)
    )


_AFTER_BOOL = (pickle.NEWTRUE + pickle.BINBYTES, pickle.NEWFALSE + pickle.BINBYTES)
_AFTER_BOOL_WIDE = (pickle.NEWTRUE + pickle.BINBYTES8, pickle.NEWFALSE + pickle.BINBYTES8)


def _reduced(array: Any) -> Any:
    """What to pickle for an array; ``None``: what NumPy pickles."""
    if array.dtype.kind in "mM":
        return type(array).view, (array.view("i8"), array.dtype)
    if array.flags.writeable and (array.flags.c_contiguous or array.flags.f_contiguous):
        return None
    return _claimed_writable(array).__reduce_ex__(5)


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
