"""Which mechanism this platform has."""

from __future__ import annotations

import sys

from processing_managers._named._names import Names

__all__ = ["names"]

if sys.platform == "linux":
    from processing_managers._named._linux import LinuxNames

    names: Names = LinuxNames()
else:
    raise ImportError(f"shared memory with a name is not supported on {sys.platform} yet")
