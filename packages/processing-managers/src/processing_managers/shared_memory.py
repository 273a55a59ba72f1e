"""Shared memory with a name, by which unrelated processes meet."""

from __future__ import annotations

import os

from processing_managers._shared import leftovers as _leftovers
from processing_managers._shared.shareable_list import ShareableList as ShareableList
from processing_managers._shared.shared_memory import SharedMemory as SharedMemory
from processing_managers._shared.shared_memory import set_name_maker as _set_name_maker

__all__ = ["SharedMemory", "ShareableList"]

USE_POSIX: bool = os.name == "posix"
"""Whether named memory is that of POSIX, whose names are unlinked."""

_SLASH = "/" if USE_POSIX else ""

SHM_NAME_PREFIX: str = _SLASH + _leftovers.PREFIX
"""What names begin with that no program has chosen; a slash is POSIX's."""


def _make_filename(track: bool = True) -> str:
    """A name for new memory, with POSIX's slash; `SharedMemory` asks here, as multiprocessing's does."""
    return _SLASH + _leftovers.new_name(track)


_set_name_maker(lambda track: _make_filename(track))  # looked up for each name: a program may have replaced it

make_filename = _make_filename
_SHM_NAME_PREFIX = SHM_NAME_PREFIX


SharedMemory.__module__ = ShareableList.__module__ = __name__
