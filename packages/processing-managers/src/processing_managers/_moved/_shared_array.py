"""For pickles of earlier versions: see :mod:`processing_managers._shared.shared_array`."""

from __future__ import annotations

from processing_managers._shared.shared_array import SharedArray as SharedArray
from processing_managers._shared.shared_array import _rebuilt as _rebuilt
