"""Objects of ctypes in shared memory, and wrappers that add a lock."""

from __future__ import annotations

from processing_core.lowlevel import watch_exit as _watch_exit
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
from processing_managers.sharedctypes import typecode_to_type as typecode_to_type

_watch_exit()

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
