"""The forkserver of this process, for libraries that warm it up."""

from __future__ import annotations

from processing_core.forkserver import ForkServer as ForkServer
from processing_core.forkserver import ensure_running as ensure_running
from processing_core.forkserver import get_inherited_fds as get_inherited_fds
from processing_core.forkserver import server as _forkserver
from processing_core.forkserver import set_forkserver_preload as set_forkserver_preload

__all__ = [
    "ForkServer",
    "ensure_running",
    "get_inherited_fds",
    "set_forkserver_preload",
]

_private = _forkserver  # which libraries take from here
