"""For pickles of earlier versions: see :mod:`processing_managers._shared.array`."""

from __future__ import annotations

from processing_managers._shared.array import Array as Array
from processing_managers._shared.array import RawArray as RawArray
from processing_managers._shared.array import SynchronizedArray as SynchronizedArray
from processing_managers._shared.array import SynchronizedString as SynchronizedString
