"""Processes that are started by ``forkserver``, for libraries that do so without a `Process`."""

from __future__ import annotations

from processing_core.popen import PopenForkServer as Popen

__all__ = ["Popen"]
