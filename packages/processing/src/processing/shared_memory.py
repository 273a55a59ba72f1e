"""Shared memory with a name, by which unrelated processes meet."""

from __future__ import annotations

from processing_managers.shared_memory import SHM_NAME_PREFIX as _SHM_NAME_PREFIX
from processing_managers.shared_memory import USE_POSIX as _USE_POSIX
from processing_managers.shared_memory import ShareableList as ShareableList
from processing_managers.shared_memory import SharedMemory as SharedMemory
from processing_managers.shared_memory import make_filename as _make_filename

__all__ = ["SharedMemory", "ShareableList"]

_private = (_SHM_NAME_PREFIX, _USE_POSIX, _make_filename)  # which libraries take from here
