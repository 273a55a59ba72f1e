"""Processes of every start method."""

from __future__ import annotations

from processing_core import active_children as active_children
from processing_core import activeChildren as activeChildren
from processing_core import current_process as current_process
from processing_core import currentProcess as currentProcess
from processing_core import parent_process as parent_process
from processing_core.annotations import TYPE_CHECKING
from processing_core.lowlevel import START_DIRECTORY
from processing_core.lowlevel import AuthenticationString as AuthenticationString
from processing_core.lowlevel import BaseProcess as BaseProcess
from processing_core.lowlevel import collect_children as _cleanup
from processing_core.lowlevel import relatives as _relatives

__all__ = [
    "AuthenticationString",
    "BaseProcess",
    "current_process",
    "active_children",
    "parent_process",
    "currentProcess",
    "activeChildren",
]

_private = _cleanup, _relatives

if not TYPE_CHECKING:  # for a checker would take every name then

    def __getattr__(name: str) -> object:
        """What libraries look at: these change when a process is started, or becomes a child."""
        if name == "_current_process":
            return current_process()
        if name == "_parent_process":
            return parent_process()
        if name == "_children":
            return _relatives.children
        if name == "ORIGINAL_DIR":
            return START_DIRECTORY
        if name == "_process_counter":
            return _relatives.counter
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
