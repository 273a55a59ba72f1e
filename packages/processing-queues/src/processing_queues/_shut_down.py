"""``ShutDown``: the standard library's where it has it, from CPython 3.13 on."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 13):
    from queue import ShutDown as ShutDown
else:
    from processing_core.lowlevel import ShutDown as ShutDown

__all__ = ["ShutDown"]
