"""For pickles of earlier versions: see :mod:`processing_core._fds.server`."""

from __future__ import annotations

from processing_core._fds.server import _FdServer as _Broker  # noqa: F401 - programs of earlier versions look at it
from processing_core._fds.server import fetch as fetch
