"""Which modules a child has imported."""

from __future__ import annotations

import sys

import processing


def loaded() -> set[str]:
    """The names in ``sys.modules``."""
    return set(sys.modules)


def put_loaded(queue: processing.Queue[set[str]], value: processing.Value[int], event: processing.Event) -> None:
    """Use one object of each kind, and put the names of the loaded modules."""
    with value.get_lock():
        value.value += 1
    queue.put(loaded())
    event.set()
