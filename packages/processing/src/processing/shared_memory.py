"""Shared memory with a name, by which unrelated processes meet."""

from __future__ import annotations

from processing_managers.shared_memory import ShareableList as ShareableList
from processing_managers.shared_memory import SharedMemory as SharedMemory

__all__ = ["SharedMemory", "ShareableList"]
