"""Processes, whatever they are started by."""

from __future__ import annotations

from processing_core import active_children as active_children
from processing_core import activeChildren as activeChildren
from processing_core import current_process as current_process
from processing_core import currentProcess as currentProcess
from processing_core import parent_process as parent_process
from processing_core.lowlevel import BaseProcess as BaseProcess

__all__ = [
    "BaseProcess",
    "current_process",
    "active_children",
    "parent_process",
    "currentProcess",
    "activeChildren",
]
