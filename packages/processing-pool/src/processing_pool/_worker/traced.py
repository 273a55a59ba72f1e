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
    result_of: Callable[..., Any] = worker._result
    run_items: Callable[..., None] = worker._run_items
    begun = [0]  # the index of the item that runs
    numbers: dict[int, int] = {}  # of the names, by cell
    now = time.monotonic_ns

    def number_of(cell: int) -> int:
        number = numbers.get(cell)
        if number is None:
            number = numbers[cell] = name_number(_name(functions, cell))
        return number

    # Recorded before the outcome is sent: a process that has the outcome may end this one.
    def traced_one(job_id: int, index: int, ok: bool, payload: Any) -> None:
        begun[0] = index
        run_one(job_id, index, ok, payload)

    def traced_result(job_id: int, ok: bool, payload: Any) -> Any:
        begin = now()
        try:
            return result_of(job_id, ok, payload)
        finally:
            cell = payload[0] if job_id == CALLS and ok else job_id
            number = number_of(cell) if type(cell) is int else name_number(name_of(cell))
            event(TASK, begin, now(), number, 1 << 32 | begun[0] & 0xFFFFFFFF)

    def traced_items(job_id: int, items: Sequence[Any]) -> None:
        begin, n = now(), len(items)
        try:
            run_items(job_id, items)
        finally:
            event(TASK, begin, now(), number_of(job_id), n << 32)

    worker._run_one, worker._result, worker._run_items = traced_one, traced_result, traced_items


def _name(functions: Any, cell: int) -> str:
    try:
        return name_of(functions[cell].function)
    except Exception:  # it does not unpickle: then its tasks fail
        return "a function that does not unpickle"
