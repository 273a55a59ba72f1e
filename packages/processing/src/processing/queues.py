"""Queues."""

from __future__ import annotations

from processing_queues import Empty as Empty
from processing_queues import Full as Full
from processing_queues import JoinableQueue as JoinableQueue
from processing_queues import LifoQueue as LifoQueue
from processing_queues import PriorityQueue as PriorityQueue
from processing_queues import Queue as Queue
from processing_queues import ShutDown as ShutDown
from processing_queues import SimpleQueue as SimpleQueue

__all__ = ["Queue", "SimpleQueue", "JoinableQueue", "LifoQueue", "PriorityQueue", "Empty", "Full", "ShutDown"]
