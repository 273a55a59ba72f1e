"""A worker's tasks as spans of a trace."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from processing_core.annotations import Any
from processing_core.tracing import TASK, event, name_number
from processing_pool._messages import CALLS
from processing_pool._outcomes import name_of

__all__ = ["trace_tasks"]


def trace_tasks(worker: Any, functions: Any) -> None:
    """Have a worker record each task, and each batch of items with their number.

    :param functions: the worker's, by the cells of their parcels.
    """
    run_one: Callable[..., None] = worker._run_one
    run_batch: Callable[..., None] = worker._run_batch
    numbers: dict[int, int] = {}  # of the names, by cell
    now = time.monotonic_ns

    def number_of(cell: int) -> int:
        number = numbers.get(cell)
        if number is None:
            number = numbers[cell] = name_number(_name(functions, cell))
        return number

    def traced_one(job_id: int, index: int, ok: bool, payload: Any) -> None:
        begin = now()
        try:
            run_one(job_id, index, ok, payload)
        finally:
            cell = payload[0] if job_id == CALLS and ok else job_id
            number = number_of(cell) if type(cell) is int else name_number(name_of(cell))
            event(TASK, begin, now(), number, 1 << 32 | index & 0xFFFFFFFF)

    def traced_batch(job_id: int, items: Sequence[Any]) -> None:
        begin, n = now(), len(items)
        try:
            run_batch(job_id, items)
        finally:
            event(TASK, begin, now(), number_of(job_id), n << 32)

    worker._run_one, worker._run_batch = traced_one, traced_batch


def _name(functions: Any, cell: int) -> str:
    try:
        return name_of(functions[cell].function)
    except Exception:  # it does not unpickle: then its tasks fail
        return "a function that does not unpickle"
