"""For pickles of earlier versions: see :mod:`processing_managers._shared.shared_memory`."""

from __future__ import annotations

from processing_managers._shared.shared_memory import SharedMemory as SharedMemory
from processing_managers._shared.shared_memory import _attached as _attached
