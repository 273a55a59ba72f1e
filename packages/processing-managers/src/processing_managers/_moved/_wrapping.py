"""For pickles of earlier versions: see :mod:`processing_managers._shared.synchronized`."""

from __future__ import annotations

from processing_managers._shared.synchronized import synchronized as synchronized
