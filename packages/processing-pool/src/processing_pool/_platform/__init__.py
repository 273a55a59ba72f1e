"""What differs between operating systems: how many processors a process may use, and how much memory it has.

A file for each system implements the names in ``__all__``; this one chooses.
"""

from __future__ import annotations

import sys

if sys.platform == "linux":
    from processing_pool._platform._linux import OutOfMemory as OutOfMemory
    from processing_pool._platform._linux import resident as resident
    from processing_pool._platform._linux import usable_cpus as usable_cpus
    from processing_pool._platform._linux import use_cpus as use_cpus
elif sys.platform == "darwin":
    from processing_pool._platform._macos import OutOfMemory as OutOfMemory
    from processing_pool._platform._macos import resident as resident
    from processing_pool._platform._macos import usable_cpus as usable_cpus
    from processing_pool._platform._macos import use_cpus as use_cpus
elif sys.platform == "win32":
    from processing_pool._platform._windows import OutOfMemory as OutOfMemory
    from processing_pool._platform._windows import resident as resident
    from processing_pool._platform._windows import usable_cpus as usable_cpus
    from processing_pool._platform._windows import use_cpus as use_cpus
else:
    raise ImportError(f"processing_pool does not support {sys.platform} yet")

__all__ = ["OutOfMemory", "resident", "usable_cpus", "use_cpus"]
