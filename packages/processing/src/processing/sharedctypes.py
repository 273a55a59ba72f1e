"""Objects of ctypes in shared memory, and the wrappers that hold a lock beside them."""

from __future__ import annotations

from processing_managers.sharedctypes import Array as Array
from processing_managers.sharedctypes import RawArray as RawArray
from processing_managers.sharedctypes import RawValue as RawValue
from processing_managers.sharedctypes import Synchronized as Synchronized
from processing_managers.sharedctypes import SynchronizedArray as SynchronizedArray
from processing_managers.sharedctypes import SynchronizedBase as SynchronizedBase
from processing_managers.sharedctypes import SynchronizedString as SynchronizedString
from processing_managers.sharedctypes import Value as Value
from processing_managers.sharedctypes import copy as copy
from processing_managers.sharedctypes import synchronized as synchronized

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
