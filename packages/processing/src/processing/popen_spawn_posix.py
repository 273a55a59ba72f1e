"""Processes that are started by ``spawn``, for libraries that do so without a `Process`."""

from __future__ import annotations

from processing_core.popen import PopenSpawn as Popen

__all__ = ["Popen"]
