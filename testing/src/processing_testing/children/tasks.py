"""Functions and objects for the tasks of pools."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import processing_core
from processing_testing.children import killing
from processing_testing.harness.rendezvous import RendezvousClient


def traced(function: Callable[..., Any], *args: Any) -> tuple[str, Any]:
    return "traced", function(*args)


class FalseError(Exception):
    """An error that is false."""

    def __bool__(self) -> bool:
        return False


def raise_false(_: object = None) -> NoReturn:
    """Raise an error that is false."""
    raise FalseError


def end_inherited(workers: Any, executor: Any, results: Any, dropped: list[Any]) -> None:
    """In a forked child: end what is its parent's, in every way that a program may come to it."""
    results.close()
    dropped.clear()
    gc.collect()
    with executor:
        pass
    executor.shutdown(cancel_futures=True)
    executor.kill_workers()
    executor.terminate_workers()
    workers.close()
    workers._state = "CLOSE"
    workers.terminate()


def stop_iteration(item: object) -> NoReturn:
    """Raise what ends iterators."""
    raise StopIteration(item)


def stop_async_iteration(item: object) -> NoReturn:
    """Raise what ends asynchronous iterators."""
    raise StopAsyncIteration(item)


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


def own_name() -> str:
    """The name of the process that runs this."""
    return processing_core.current_process().name


def sleep_for_ever(_: object = None) -> NoReturn:
    """Sleep for ever."""
    while True:
        time.sleep(3600)


def sleep_for_ever_if_zero(number: int) -> int:
    """Return *number*, but sleep for ever if it is 0."""
    return number or sleep_for_ever()


def pid(_: object = None) -> int:
    """The worker's pid."""
    return os.getpid()


def die(how: str) -> None:
    """Die in the middle of the task."""
    if how == "exit":
        os._exit(7)
    elif how == "kill":
        killing.kill(os.getpid())
    elif how == "segfault":
        import faulthandler

        faulthandler.disable()
        killing.crash()
    elif how == "sys.exit":
        sys.exit(9)
    time.sleep(3600)


def die_if(number: int, victim: int) -> int:
    """Die if the numbers agree."""
    if number == victim:
        die("kill")
    return number


def die_if_seven(number: int) -> int:
    """Die if the number is 7."""
    return die_if(number, 7)


def die_with(*_: object, **__: object) -> None:
    """Die, whatever the arguments."""
    die("kill")


class Plain:
    """An object that can be pickled, and that weak references can refer to."""


def plain(_: object = None) -> Plain:
    """:return: such an object."""
    return Plain()


class NoRepr:
    """An object whose repr fails."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def return_later(number: int) -> int:
    """Return *number* after a short time that depends on it."""
    if number % 7 == 0:
        time.sleep(0.001)
    return number


def report_and_wait(address: str) -> str:
    """Tell the test the pid, and wait to be released."""
    client = RendezvousClient(address)
    client.send(os.getpid())
    client.wait_for_release()
    client.close()
    return "released"


def spin(address: str) -> None:
    """Send the test the pid, and keep a CPU busy for ever, ignoring SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    RendezvousClient(address).send(os.getpid())
    while True:
        pass


def nested(n: int) -> list[int]:
    """Some squares, computed by a pool that the worker starts."""
    import processing_pool  # here, because the tests of the queues use this module without it

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
    """An initializer that stores its arguments."""
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
    """An object that cannot be pickled."""

    def __reduce__(self) -> NoReturn:
        raise RuntimeError("does not dump")

    def __call__(self, *args: Any) -> int:
        return 1


class Unloadable:
    """An object that can be pickled, but not unpickled."""

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
    """An exception whose class takes two arguments, while ``args``, which is pickled, has one."""

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


def look_at_schedule() -> tuple[int, set[int]]:
    """The nice value and the usable processors."""
    return os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0)
