"""For pickles of earlier versions: see :mod:`processing_pool._worker.state`."""

from __future__ import annotations

from processing_pool._worker.state import _Passing as _Passing
