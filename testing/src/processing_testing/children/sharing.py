"""What child processes of tests do with the shared objects they receive, and a structure that both sides use."""

from __future__ import annotations

import ctypes
import signal
from typing import Any, ClassVar


class Point(ctypes.Structure):
    """A structure."""

    _fields_: ClassVar[Any] = [("x", ctypes.c_int), ("y", ctypes.c_double)]


class Segment(Point):
    """A structure with a field of another, and fields of its base."""

    _fields_: ClassVar[Any] = [("end", Point)]


def wait_at_barrier(barrier: Any, times: int) -> None:
    """Wait at a barrier, again and again."""
    for _ in range(times):
        barrier.wait()


def write_byte(memory: Any, number: int) -> None:
    """Write a number into a `SharedMemory`, at the offset that is this number."""
    memory.buf[number] = number
    memory.close()


def fill_piece(piece: Any, content: bytes) -> None:
    """Write into a `BufferWrapper`."""
    piece.create_memoryview()[:] = content


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
    """Add to a value and count the additions, for ever."""
    while True:
        value.add(amount)
        count.add(1)


def anonymous_memory() -> int:
    """The private anonymous memory of this process in bytes."""
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon:"))


def fill(shared: Any, value: Any, grown: Any) -> None:
    """Fill a `SharedArray`; store in ``grown`` how many bytes this process's private memory grew by meanwhile."""
    before = anonymous_memory()
    shared.array[...] = value
    grown.value = anonymous_memory() - before


def sum_up(shared: Any, total: Any, grown: Any) -> None:
    """Add the sum of a `SharedArray` to ``total``; store the growth as `fill` does."""
    before = anonymous_memory()
    total.add(int(shared.array.sum()))
    grown.value = anonymous_memory() - before


def hold_a_part(shared: Any, count: Any) -> None:
    """Hold views of an array, and new arrays, until killed."""
    parts = []
    while True:
        parts.append((shared[1:], type(shared)((100, 100)), shared[::-1].array))
        parts = parts[-20:]
        count.add(1)


def acquire(lock: Any) -> None:
    """Acquire a lock, and end without releasing it."""
    lock.acquire()


def hold_for_ever(lock: Any, held: Any) -> None:
    """Acquire a lock, set the event, and wait to be killed."""
    lock.acquire()
    held.set()
    signal.pause()
