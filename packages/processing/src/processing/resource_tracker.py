"""A process that cleans up what a program has registered; the shared objects of this library do not need it."""

from __future__ import annotations

from processing_core.resource_tracker import CLEANUP_FUNCTIONS as _CLEANUP_FUNCS
from processing_core.resource_tracker import IGNORED_SIGNALS as _IGNORED_SIGNALS
from processing_core.resource_tracker import ResourceTracker as ResourceTracker
from processing_core.resource_tracker import ensure_running as ensure_running
from processing_core.resource_tracker import fork_intent as _fork_intent
from processing_core.resource_tracker import getfd as getfd
from processing_core.resource_tracker import main as main
from processing_core.resource_tracker import register as register
from processing_core.resource_tracker import tracker as _resource_tracker
from processing_core.resource_tracker import unregister as unregister

__all__ = [
    "ResourceTracker",
    "ensure_running",
    "getfd",
    "main",
    "register",
    "unregister",
]

_private = (_CLEANUP_FUNCS, _IGNORED_SIGNALS, _fork_intent, _resource_tracker)  # which libraries take from here
