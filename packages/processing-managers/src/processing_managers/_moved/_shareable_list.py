"""For pickles of earlier versions: see :mod:`processing_managers._shared.shareable_list`."""

from __future__ import annotations

from processing_managers._shared.shareable_list import ShareableList as ShareableList
from processing_managers._shared.shareable_list import _attached as _attached
