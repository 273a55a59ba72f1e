"""Descriptors for processes that run already."""

from __future__ import annotations

from processing_core.resource_sharer import DupFd as DupFd
from processing_core.resource_sharer import stop as stop

__all__ = [
    "DupFd",
    "stop",
]
