"""A worker's tasks as spans of a trace: the kernel records those that come by themselves, and this module batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from processing_core.annotations import Any
from processing_core.tracing import TASK, event, name_function

__all__ = ["trace_tasks"]


def trace_tasks(worker: Any) -> None:
    """Have a worker record its batches, each with the number of its items, and the names of its functions."""
    run_items: Callable[..., None] = worker._run_items
    note_name: Callable[..., object] = worker._functions.named
    now = time.monotonic_ns

    def traced_items(job_id: int, items: Sequence[Any]) -> None:
        begin, n = now(), len(items)
        try:
            run_items(job_id, items)
        finally:  # before the last results are sent: a process that has them may end this one
            event(TASK, begin, now(), job_id, n << 32)

    def traced_name(cell: int, name: str) -> None:
        name_function(cell, name)
        note_name(cell, name)

    worker._run_items, worker._functions.named = traced_items, traced_name
