"""Objects of ctypes in shared memory, and the wrappers that hold a lock beside them."""

from __future__ import annotations

from processing_managers._array import Array as Array
from processing_managers._array import RawArray as RawArray
from processing_managers._array import SynchronizedArray as SynchronizedArray
from processing_managers._array import SynchronizedString as SynchronizedString
from processing_managers._raw import copy as copy
from processing_managers._synchronized import Synchronized as Synchronized
from processing_managers._synchronized import SynchronizedBase as SynchronizedBase
from processing_managers._value import RawValue as RawValue
from processing_managers._value import Value as Value
from processing_managers._wrapping import synchronized as synchronized

__all__ = [
    "RawValue",
    "RawArray",
    "Value",
    "Array",
    "copy",
    "synchronized",
    "SynchronizedBase",
    "Synchronized",
    "SynchronizedArray",
    "SynchronizedString",
]

for _name in ["copy", *__all__[5:]]:
    globals()[_name].__module__ = __name__
