"""Queues."""

from __future__ import annotations

from processing_core.annotations import TYPE_CHECKING
from processing_core.lowlevel import watch_exit as _watch_exit
from processing_queues import Empty as Empty
from processing_queues import Full as Full
from processing_queues import JoinableQueue as JoinableQueue
from processing_queues import LifoQueue as LifoQueue
from processing_queues import PriorityQueue as PriorityQueue
from processing_queues import Queue as Queue
from processing_queues import ShutDown as ShutDown
from processing_queues import SimpleQueue as SimpleQueue

_watch_exit()

_no_item = object()

__all__ = ["Queue", "SimpleQueue", "JoinableQueue", "LifoQueue", "PriorityQueue", "Empty", "Full", "ShutDown"]

if not TYPE_CHECKING:  # for a checker would take every name then

    def __getattr__(name: str) -> object:
        """What few libraries take from here."""
        if name == "_sentinel":  # what ends multiprocessing's feeder threads; a queue of ours has none
            return _no_item
        if name != "_ForkingPickler":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from processing_core.reduction import ForkingPickler

        return ForkingPickler
