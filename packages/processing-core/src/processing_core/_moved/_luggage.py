"""For pickles of earlier versions: see :mod:`processing_core._fds.inherited`."""

from __future__ import annotations

from processing_core._fds.inherited import take as take_out

__all__ = ["take_out"]
