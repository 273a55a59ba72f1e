"""Plain memory that processes share."""

from __future__ import annotations

from processing_core.lowlevel import watch_exit as _watch_exit
from processing_managers.heap import Arena as Arena
from processing_managers.heap import BufferWrapper as BufferWrapper
from processing_managers.heap import Heap as Heap

_watch_exit()

__all__ = [
    "Arena",
    "BufferWrapper",
    "Heap",
]
