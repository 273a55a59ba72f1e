"""For pickles of earlier versions: see :mod:`processing_pool._compatibility`."""

from __future__ import annotations

from processing_pool._compatibility import mapstar as mapstar
from processing_pool._compatibility import starmapstar as starmapstar
