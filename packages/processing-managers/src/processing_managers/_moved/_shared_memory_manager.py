"""For pickles of earlier versions: see :mod:`processing_managers._manager.shared_memory_manager`."""

from __future__ import annotations

from processing_managers._manager.shared_memory_manager import SharedMemoryManager as SharedMemoryManager
