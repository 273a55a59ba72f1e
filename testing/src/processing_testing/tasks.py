"""Functions and objects that the tasks of pools are made of."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, NoReturn

import processing_pool
from processing_testing.meeting import Visit


def square(number: int) -> int:
    """*number* squared."""
    return number * number


def combine(*args: Any, **kwds: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """All arguments."""
    return args, kwds


def fail(number: int) -> NoReturn:
    """:raises ValueError: always, with the number."""
    raise ValueError(number)


def fail_if_odd(number: int) -> int:
    """:raises ValueError: with an odd number."""
    if number % 2:
        raise ValueError(number)
    return number


def pid(_: object = None) -> int:
    """The worker's id."""
    return os.getpid()


def die(how: str) -> None:
    """Die in the middle of the task."""
    if how == "exit":
        os._exit(7)
    elif how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "segfault":
        import faulthandler

        faulthandler.disable()
        ctypes.string_at(0)
    elif how == "sys.exit":
        sys.exit(9)
    time.sleep(3600)


def die_if(number: int, victim: int) -> int:
    """Die if the numbers agree."""
    if number == victim:
        die("kill")
    return number


def die_of_seven(number: int) -> int:
    """Die of a seven."""
    return die_if(number, 7)


def die_with(*_: object, **__: object) -> None:
    """Die, whatever the arguments."""
    die("kill")


class Plain:
    """An object like any other: it can be pickled, and its end be noticed."""


class NoRepr:
    """It has no repr."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def linger(number: int) -> int:
    """*number*, after a moment that differs."""
    if number % 7 == 0:
        time.sleep(0.001)
    return number


def stay(address: str) -> str:
    """Tell the test the pid, and wait to be dismissed."""
    visit = Visit(address)
    visit.say(os.getpid())
    visit.stay()
    visit.leave()
    return "dismissed"


def spin(address: str) -> None:
    """Tell the test the pid, and keep a CPU busy for ever, deaf to SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Visit(address).say(os.getpid())
    while True:
        pass


def nested(n: int) -> list[int]:
    """Some squares, by a pool of the worker's own."""
    with processing_pool.Pool(1) as pool:
        return pool.map(square, range(n))


def put(queue: Any, item: object) -> Any:
    """Put an item into a queue, and return the queue."""
    queue.put(item)
    return queue


def add_one(value: Any) -> None:
    """Add one to a shared number, without a lock."""
    value.value += 1


_state: list[Any] = []


def remember(*args: Any) -> None:
    """An initializer."""
    _state[:] = args


def remembered(_: object = None) -> list[Any]:
    """What the initializer was given."""
    return _state


def count(start: int = 0) -> Iterator[int]:
    """An endless generator."""
    while True:
        yield start
        start += 1


def _refuse(*_: Any) -> NoReturn:
    raise RuntimeError("does not load")


class Unpicklable:
    """It refuses to be pickled."""

    def __reduce__(self) -> NoReturn:
        raise RuntimeError("does not dump")

    def __call__(self, *args: Any) -> int:
        return 1


class Unloadable:
    """It can be pickled, but not unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _refuse, ()

    def __call__(self, *args: Any) -> int:
        return 1


class UnpicklableError(Exception):
    """An exception that holds what cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("holds a lock")
        self.lock = threading.Lock()


class UnloadableError(Exception):
    """An exception whose constructor wants more than pickle remembers."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def make(kind: str) -> Any:
    """Return or raise something bad, by its name."""
    if kind == "result that does not dump":
        return Unpicklable()
    if kind == "result that does not load":
        return Unloadable()
    if kind == "exception that does not dump":
        raise UnpicklableError
    if kind == "exception that does not load":
        raise UnloadableError(1, 2)
    return kind


def take(thing: object) -> object:
    """Return *thing*."""
    return thing


class Holder:
    """An object with one attribute."""

    def __init__(self, value: Any) -> None:
        self.value = value


def nothing_of(_: object) -> None:
    """Return nothing."""
