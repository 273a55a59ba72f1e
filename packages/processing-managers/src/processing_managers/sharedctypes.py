"""Objects of ctypes in shared memory, and wrappers that add a lock."""

from __future__ import annotations

from processing_core.lowlevel import claim as _claim
from processing_managers._shared.array import Array as Array
from processing_managers._shared.array import RawArray as RawArray
from processing_managers._shared.array import SynchronizedArray as SynchronizedArray
from processing_managers._shared.array import SynchronizedString as SynchronizedString
from processing_managers._shared.raw import TYPES
from processing_managers._shared.raw import copy as copy
from processing_managers._shared.synchronized import Synchronized as Synchronized
from processing_managers._shared.synchronized import SynchronizedBase as SynchronizedBase
from processing_managers._shared.synchronized import synchronized as synchronized
from processing_managers._shared.value import RawValue as RawValue
from processing_managers._shared.value import Value as Value

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

typecode_to_type = TYPES

_claim(__name__, ["copy", *__all__[5:]])
