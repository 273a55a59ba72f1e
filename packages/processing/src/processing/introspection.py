"""Seeing inside: the processes of this family, what they run and wait for, and what they share.

Nothing has to be prepared, and no process is stopped or slowed down: all is read from the shared memory, while the
processes use it.  ``python -m processing top`` shows the same of any program of this user.
"""

from __future__ import annotations

from processing_core.introspection import Arena as Arena
from processing_core.introspection import Deadlock as Deadlock
from processing_core.introspection import Family as Family
from processing_core.introspection import Leak as Leak
from processing_core.introspection import Member as Member
from processing_core.introspection import NotReadable as NotReadable
from processing_core.introspection import PoolInfo as PoolInfo
from processing_core.introspection import PrimitiveInfo as PrimitiveInfo
from processing_core.introspection import QueueInfo as QueueInfo
from processing_core.introspection import Task as Task
from processing_core.introspection import Wait as Wait
from processing_core.introspection import deadlocks as deadlocks
from processing_core.introspection import family as family
from processing_core.introspection import leaks as leaks
from processing_core.introspection import list_families as list_families

__all__ = [
    "Arena",
    "Deadlock",
    "Family",
    "Leak",
    "Member",
    "NotReadable",
    "PoolInfo",
    "PrimitiveInfo",
    "QueueInfo",
    "Task",
    "Wait",
    "deadlocks",
    "list_families",
    "family",
    "leaks",
]
