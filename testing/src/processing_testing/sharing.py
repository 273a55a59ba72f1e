"""What the children of tests do to what they are sent, and a structure that both sides know."""

from __future__ import annotations

import ctypes
from typing import Any, ClassVar


class Point(ctypes.Structure):
    """A structure."""

    _fields_: ClassVar[Any] = [("x", ctypes.c_int), ("y", ctypes.c_double)]


class Segment(Point):
    """A structure with a field of another, and fields of its base."""

    _fields_: ClassVar[Any] = [("end", Point)]


def meet(barrier: Any, times: int) -> None:
    """Wait at a barrier, again and again."""
    for _ in range(times):
        barrier.wait()


def write_byte(memory: Any, number: int) -> None:
    """Write a number into a `SharedMemory` at that place."""
    memory.buf[number] = number
    memory.close()


def set_item(sequence: Any, index: int, item: Any) -> None:
    """Replace an item."""
    sequence[index] = item


def set_attribute(thing: Any, name: str, value: Any) -> None:
    """Change an attribute."""
    setattr(thing, name, value)


def add(array: Any, times: int) -> None:
    """Add 1 to the first item under the lock, again and again."""
    for _ in range(times):
        with array.get_lock():
            array[0] += 1


def add_at_once(value: Any, amount: Any, times: int) -> None:
    """Add to a value, again and again."""
    for _ in range(times):
        value.add(amount)


def add_and_count(value: Any, amount: Any, count: Any) -> None:
    """Add to a value and count that, for ever."""
    while True:
        value.add(amount)
        count.add(1)
