"""The files that the processes of a trace write."""

from __future__ import annotations

import struct

__all__ = ["EVENT", "HEADER", "MAGIC", "TASK", "WAIT"]

HEADER = struct.Struct("QQQQQ24x")
"""magic, bytes used, events lost, pid, when it began (monotonic ns)"""
MAGIC = 0x70726F6354726163
EVENT = struct.Struct("QQQQQQ")
"""kind, begin, end, a, b, thread"""
WAIT, TASK = 1, 2
"""Of a wait, a is the offset of the word that it slept on; of a task, a is the cell of its function, and b the
number of items above 32 bits, and the index of the only one."""
