"""Shared memory with a name, by which unrelated processes meet.

`Names` is what a platform must offer; a file per mechanism implements it, and `_select` chooses.
"""

from __future__ import annotations

from processing_managers._named._names import Names as Names
from processing_managers._named._select import names as names

__all__ = ["Names", "names"]
