"""What starts processes on Windows, and nowhere else."""

from __future__ import annotations

raise ImportError("processing.popen_spawn_win32 is for Windows; this system has processing.popen_spawn_posix")
