"""For pickles of earlier versions: see :mod:`processing_managers._shared.raw`."""

from __future__ import annotations

from processing_managers._shared.raw import _rebuild as _rebuild
