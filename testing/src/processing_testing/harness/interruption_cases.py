"""Calls that are interrupted at their points, and what must hold after each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from processing_testing.harness.interruption_points import count_points, each_point

__all__ = ["WAIT", "Case", "from_another_thread", "interrupt_everywhere"]

WAIT = 20.0
"""The most seconds that a call may take if it continues after an interrupt."""


@dataclass
class Case:
    """A call, and what must hold after it, whether it was interrupted or not."""

    call: Callable[[], object]
    check: Callable[[], object]
    end: Callable[[], object] = field(default=bool)
    least: int = 1
    """The least number of points that it must have, so that something is tested."""


def from_another_thread(function: Callable[[], object]) -> Any:
    """Call a function in another thread, where it hangs if the main thread still holds a lock; return its result."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(function()), daemon=True)
    thread.start()
    thread.join(WAIT)
    assert results, "a thread hangs: something is held"
    return results[0]


@contextmanager
def made(make: Callable[[], Case]) -> Iterator[Case]:
    case = make()
    try:
        yield case
    finally:
        case.end()


def interrupt_everywhere(make: Callable[[], Case], most: int) -> None:
    """Interrupt a case at each of its points or, if it has more than *most*, at that number, evenly spread."""
    with made(make) as case:
        case.call()
        total = count_points(case.call)
        assert total >= case.least, f"only {total} points"
        stride = max(1, -(-total // most))
        tried = 0
        for interrupter in each_point(case.call, stride, first=1 + total % stride):
            tried += interrupter.raised
            try:
                case.check()
            except BaseException as error:
                error.add_note(f"interrupted at point {interrupter.point}: {interrupter.where}")
                raise
        print(f"{tried} of {total} points, each {stride}th")
