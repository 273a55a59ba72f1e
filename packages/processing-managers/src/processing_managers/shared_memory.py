"""Shared memory with a name, by which unrelated processes meet."""

from __future__ import annotations

from processing_managers._shareable_list import ShareableList as ShareableList
from processing_managers._shared_memory import SharedMemory as SharedMemory

__all__ = ["SharedMemory", "ShareableList"]

SharedMemory.__module__ = ShareableList.__module__ = __name__
