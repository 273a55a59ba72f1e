"""Tasks that tell what they did in files, and that a pool must stop."""

from __future__ import annotations

import itertools
import os
import random
import signal
import time
from typing import Any, NoReturn

import processing_core
import processing_pool
import processing_queues
from processing_testing.meeting import Visit
from processing_testing.tasks import Unloadable, Unpicklable, UnpicklableError


def record(path: str, what: object) -> None:
    """Append a line to a file, at once."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(fd, f"{what}\n".encode())
    finally:
        os.close(fd)


def recorded(path: str) -> list[str]:
    """What was recorded in a file."""
    try:
        with open(path) as file:
            return file.read().split()
    except FileNotFoundError:
        return []


def record_and_die_of(path: str, victim: int, number: int) -> int:
    """Record the number, and die of the victim's."""
    record(path, number)
    if number == victim:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def record_and_sleep(path: str, seconds: float, number: int) -> int:
    """Record the number and by whom, and take a time over it."""
    record(path, f"{number}:{os.getpid()}")
    time.sleep(seconds)
    return number


def stay_if(address: str, victim: int, number: int) -> int:
    """Tell the test the number, and with the victim's wait to be dismissed."""
    visit = Visit(address)
    visit.say(number)
    if number == victim:
        visit.stay()
    visit.leave()
    return number


def sleep_for_ever(path: str, number: int = 0) -> NoReturn:
    """Record the number, and sleep."""
    record(path, number)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(60)


def fail_at_first(path: str, times: int, how: str) -> int:
    """Fail so many times, then return how often it was run."""
    record(path, "run")
    runs = len(recorded(path))
    if runs <= times:
        if how == "raise":
            raise ValueError(runs)
        if how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
    return runs


def hoard(size: int) -> NoReturn:
    """Have so many bytes, and sleep."""
    memory = bytearray(size)
    for i in range(0, size, 4096):
        memory[i] = 1
    while True:
        time.sleep(60)


def hoard_among(procs: str, size: int) -> NoReturn:
    """Join the control group of that file, and hoard."""
    with open(procs, "w") as file:
        file.write(str(os.getpid()))
    hoard(size)


def end_after(path: str, number: int) -> int:
    """Record the number, after the time that it says in ms."""
    time.sleep(number / 1000)
    record(path, number)
    return number


KINDS = ("quick", "slow", "large", "raise", "no result", "no load", "no exception")


def chaotic(path: str, number: int) -> Any:
    """A task of one kind or another, by its number."""
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
    """The state of a worker: it tells how often it was made."""
    return [start + next(_made)]


def add_to_state(state: list[int], number: int) -> tuple[int, int, int]:
    """The state's beginning, how long it is by now, and whose it is."""
    state.append(number)
    return state[0], len(state), os.getpid()


class Closing:
    """Records the end of a worker's state."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self, state: list[int]) -> None:
        record(self.path, f"closed:{len(state)}")


def say_goodbye(path: str) -> None:
    """Record that the worker ended."""
    record(path, "goodbye")


def record_and_die_of_hundredth(path: str, number: int) -> int:
    """Record the number, and die of every hundredth."""
    return record_and_die_of(path, number if number % 100 == 99 else -1, number)


def who(address: str) -> None:
    """Tell the test the worker's number, and wait to be dismissed."""
    visit = Visit(address)
    visit.say(processing_pool.worker_id())
    visit.stay()


def _put_square(queue: Any, number: int) -> None:
    queue.put(number * number)


def start_a_process(number: int) -> Any:
    """The square of a number, by a process of the worker's own."""
    queue: Any = processing_queues.SimpleQueue()
    process: Any = processing_core.Process(target=_put_square, args=(queue, number))
    process.start()
    process.join()
    return queue.get()


def say_goodbye_and_fail(path: str) -> None:
    """:raises ValueError: always."""
    record(path, "goodbye")
    raise ValueError("goodbye")


def look_at(array: Any, i: int) -> tuple[float, bool, int]:
    """An element, whether the array may be changed, and how much memory the worker has of its own."""
    with open("/proc/self/statm") as file:
        fields = file.read().split()
    own = (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")
    return float(array[i]), bool(array.flags.writeable), own


def add(array: Any, number: float) -> float:
    """Add a number to an array where it stands; its last element then."""
    array += number
    return float(array[-1])


def add_one(array: Any) -> float:
    """Likewise, 1."""
    return add(array, 1)
