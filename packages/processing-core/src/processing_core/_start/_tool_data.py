"""What tools give every child that is no copy of its parent, by ``multiprocessing``'s way.

They replace `get_preparation_data` in the module `spawn` by a function that adds entries to what it returns. That these
are unpickled in the child is all that happens to them: this is where a tool's own code runs.
"""

from __future__ import annotations

import sys

from processing_core import _pickling

__all__ = ["packed_tool_data", "unpack_tool_data"]

_MODULES = ("processing.spawn", "processing_core.spawn")
"""Where the function may have been replaced: also under the name that users know."""


def packed_tool_data(process_name: str) -> bytes | None:
    """The entries that tools have added for the child of that name; ``None`` if there are none."""
    own = sys.modules.get(_MODULES[1])
    if own is None:
        return None  # no code has seen that module
    for name in _MODULES:
        function = getattr(sys.modules.get(name), "get_preparation_data", own.ORIGINAL)
        if function is not own.ORIGINAL:
            data = function(process_name)
            return _pickling.dumps({key: value for key, value in data.items() if key not in own.ENTRIES})
    return None


def unpack_tool_data(packed: bytes | None) -> None:
    """In the child: see `packed_tool_data`."""
    if packed is not None:
        _pickling.loads(packed)
