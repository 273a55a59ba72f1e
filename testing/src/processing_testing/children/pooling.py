"""Tasks that record in files what they did, and tasks that a pool must stop."""

from __future__ import annotations

import ctypes
import itertools
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NoReturn

import processing_core
import processing_pool
import processing_queues
from processing_pool.lowlevel import resident
from processing_testing.children import killing
from processing_testing.children.tasks import Unloadable, Unpicklable, UnpicklableError
from processing_testing.harness.rendezvous import RendezvousClient


def record(path: str, what: object) -> None:
    """Append a line to a file, so that none of another process is lost."""
    with _alone(path):
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(fd, f"{what}\n".encode())
        finally:
            os.close(fd)


if sys.platform == "win32":

    @contextmanager
    def _alone(path: str) -> Iterator[None]:
        """Have a mutex of this name: the C library seeks the end of a file, and writes there, in two steps."""
        kernel32 = ctypes.WinDLL("kernel32")
        kernel32.CreateMutexW.restype = ctypes.c_void_p
        mutex = ctypes.c_void_p(kernel32.CreateMutexW(None, False, f"Local\\{path.replace(os.sep, '/')}"))
        assert mutex.value is not None
        kernel32.WaitForSingleObject(mutex, -1)  # that of a killed process is abandoned, and taken
        try:
            yield
        finally:
            kernel32.ReleaseMutex(mutex)
            kernel32.CloseHandle(mutex)
else:

    def _alone(path: str) -> nullcontext[None]:
        """Nothing: the system appends in one step."""
        return nullcontext()


def recorded(path: str) -> list[str]:
    """What was recorded in a file."""
    try:
        with open(path) as file:
            return file.read().split()
    except FileNotFoundError:
        return []


def record_and_die_of(path: str, victim: int, number: int) -> int:
    """Record the number, and die if it is the victim's."""
    record(path, number)
    if number == victim:
        killing.kill(os.getpid())
    return number


def record_and_sleep(path: str, seconds: float, number: int) -> int:
    """Record the number and the process, and sleep."""
    record(path, f"{number}:{os.getpid()}")
    time.sleep(seconds)
    return number


def report_and_wait_if(address: str, victim: int, number: int) -> int:
    """Send the test the number; if it is the victim's, wait to be released."""
    client = RendezvousClient(address)
    client.send(number)
    if number == victim:
        client.wait_for_release()
    client.close()
    return number


def report_and_wait_if_first(address: str | None, number: int) -> int:
    """The same, of the number 0; without an address it is at once returned."""
    return number if address is None else report_and_wait_if(address, 0, number)


def sleep_for_ever(path: str, number: int = 0) -> NoReturn:
    """Record the number, and sleep."""
    record(path, number)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(60)


def fail_at_first(path: str, times: int, how: str) -> int:
    """Fail a number of times, then return how often it was run."""
    record(path, "run")
    runs = len(recorded(path))
    if runs <= times:
        if how == "raise":
            raise ValueError(runs)
        if how == "die":
            killing.kill(os.getpid())
        time.sleep(60)
    return runs


def hold_memory(size: int) -> NoReturn:
    """Allocate a number of bytes, and sleep."""
    memory = bytearray(size)
    for i in range(0, size, 4096):
        memory[i] = 1
    while True:
        time.sleep(60)


def hold_memory_in_group(procs: str, size: int) -> NoReturn:
    """Join the control group of that file, and hold memory."""
    with open(procs, "w") as file:
        file.write(str(os.getpid()))
    hold_memory(size)


def end_after(path: str, number: int) -> int:
    """Sleep for this number of milliseconds, and record it."""
    time.sleep(number / 1000)
    record(path, number)
    return number


KINDS = ("quick", "slow", "large", "raise", "no result", "no load", "no exception")


def chaotic(path: str, number: int) -> Any:
    """A task whose kind depends on its number."""
    record(path, number)
    kind = KINDS[number % len(KINDS)]
    if kind == "slow":
        time.sleep(random.random() * 0.002)
    elif kind == "large":
        return bytes([number % 256]) * 20_000
    elif kind == "raise":
        raise ValueError(number)
    elif kind == "no result":
        return Unpicklable()
    elif kind == "no load":
        return Unloadable()
    elif kind == "no exception":
        raise UnpicklableError
    return number


_made = itertools.count()


def make_state(start: int) -> list[int]:
    """The state of a worker, which contains how often the worker made it."""
    return [start + next(_made)]


def add_to_state(state: list[int], number: int) -> tuple[int, int, int]:
    """The state's first items, its length, and the worker's pid."""
    state.append(number)
    return state[0], len(state), os.getpid()


class Closing:
    """Records the end of a worker's state."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self, state: list[int]) -> None:
        record(self.path, f"closed:{len(state)}")


def record_end(path: str) -> None:
    """Record that the worker ended."""
    record(path, "ended")


def record_and_die_of_hundredth(path: str, number: int) -> int:
    """Record the number, and die if it is 99 or ends in 99."""
    return record_and_die_of(path, number if number % 100 == 99 else -1, number)


def report_worker_id(address: str) -> None:
    """Send the test the worker's number, and wait to be released."""
    client = RendezvousClient(address)
    client.send(processing_pool.worker_id())
    client.wait_for_release()


def _put_square(queue: Any, number: int) -> None:
    queue.put(number * number)


def start_a_process(number: int) -> Any:
    """The square of a number, computed by a child of the worker."""
    queue: Any = processing_queues.SimpleQueue()
    process: Any = processing_core.Process(target=_put_square, args=(queue, number))
    process.start()
    process.join()
    return queue.get()


def record_end_and_fail(path: str) -> None:
    """:raises ValueError: always."""
    record(path, "ended")
    raise ValueError("at the end")


def log_and_fail(path: str) -> None:
    """Write the log of ``concurrent.futures`` to a file, and fail.

    :raises ValueError: always.
    """
    logging.getLogger("concurrent.futures").addHandler(logging.FileHandler(path))
    raise ValueError("no licence")


def look_at(array: Any, i: int) -> tuple[float, bool, int]:
    """An element, whether the array is writable, and the worker's private memory in bytes."""
    return float(array[i]), bool(array.flags.writeable), resident(os.getpid())


def add(array: Any, number: float) -> float:
    """Add a number to an array in place, and return its last element."""
    array += number
    return float(array[-1])


def add_one(array: Any) -> float:
    """Add 1 to an array in place, and return its last element."""
    return add(array, 1)


def record_number(path: str, number: int) -> int:
    """Record the number, and return it."""
    record(path, number)
    return number


def record_and_wait_if(path: str, address: str, victim: int, number: int) -> int:
    """Record the number; if it is the victim's, wait until the test releases it."""
    record(path, number)
    if number == victim:
        client = RendezvousClient(address)
        client.wait_for_release()
        client.close()
    return number
