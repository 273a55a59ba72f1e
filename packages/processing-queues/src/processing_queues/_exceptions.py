"""What queues raise: the exceptions of ``queue``, whose import takes a millisecond."""

from __future__ import annotations

import sys
from queue import Empty as Empty
from queue import Full as Full

if sys.version_info >= (3, 13):
    from queue import ShutDown as ShutDown
else:
    from processing_core.lowlevel import ShutDown as ShutDown

__all__ = ["Empty", "Full", "ShutDown"]
