"""Processes that are started by ``fork``, for libraries that do so without a `Process`."""

from __future__ import annotations

from processing_core.popen import PopenFork as Popen

__all__ = ["Popen"]
