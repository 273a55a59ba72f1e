"""For pickles of earlier versions: see :mod:`processing_core._fds.sockets`."""

from __future__ import annotations

from processing_core._fds.sockets import _arrived as _arrived
