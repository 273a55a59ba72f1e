"""Processes that are started by ``spawn``, for libraries that do so without a `Process`, on Windows alone."""

from __future__ import annotations

import sys

from processing_core.popen import PopenSpawn as Popen

__all__ = ["Popen"]

if sys.platform != "win32":
    raise ImportError("processing.popen_spawn_win32 is for Windows; this system has processing.popen_spawn_posix")
