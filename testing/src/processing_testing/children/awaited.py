"""What children do while tasks of an event loop wait for them."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

import processing_core
from processing_core import NotHeldError, OwnerDied

variable: ContextVar[str] = ContextVar("variable", default="unset")


def put_all(queue: Any, items: Iterable[Any]) -> None:
    """Put each of some objects into a queue."""
    for item in items:
        queue.put(item)


def put_numbered(queue: Any, name: int, count: int, pause: float = 0.0) -> None:
    """Put (name, 0), (name, 1), ..."""
    for number in range(count):
        queue.put((name, number))
        if pause:
            time.sleep(pause)


def acquire_and_stay(primitive: Any, acquired: Any) -> None:
    """Acquire something and keep it for ever."""
    primitive.acquire()
    acquired.set()
    time.sleep(1000)


def wait_at(barrier: Any) -> None:
    """Be a party of a barrier."""
    barrier.wait()


def set_event(event: Any) -> None:
    """Set an event."""
    event.set()


def notify(condition: Any) -> None:
    """Notify all that wait for a condition."""
    with condition:
        condition.notify_all()


def get_and_finish(queue: Any, count: int) -> None:
    """Get some objects, and report each as finished."""
    for _ in range(count):
        queue.get()
        queue.task_done()


def hold_and_release(lock: Any, rounds: int, counter: Any) -> None:
    """Increment a number under a lock."""
    for _ in range(rounds):
        with lock:
            counter.value += 1


async def doubled(number: int) -> tuple[int, str, int]:
    """Twice a number, what `variable` is, and this process."""
    await asyncio.sleep(0)
    return 2 * number, variable.get(), os.getpid()


async def put_doubled(queue: Any, number: int) -> None:
    """Put what `doubled` returns."""
    await queue.put_async(await doubled(number))


async def fail_later() -> None:
    """:raises LookupError: always."""
    await asyncio.sleep(0)
    raise LookupError("later")


def square(number: int) -> int:
    """The square of a number."""
    return number * number


def serve_echo(address: Any, key: bytes) -> None:
    """Connect, and send back what comes, until the end."""
    from processing_queues import Client

    with Client(address, authkey=key) as connection:
        try:
            while True:
                connection.send(connection.recv())
        except EOFError:
            pass


def name_of_process() -> str:
    """This process's name."""
    return str(processing_core.current_process().name)


def put_until(queue: Any, name: int, stop: Any) -> None:
    """Put (name, 0), (name, 1), ... until an event is set, then (name, None)."""
    rng = random.Random(name)
    number = 0
    while not stop.is_set():
        queue.put((name, number))
        number += 1
        if rng.random() < 0.2:
            time.sleep(rng.random() * 0.001)
    queue.put((name, None))


def count_until(primitive: Any, total: Any, stop: Any, rounds: Any) -> None:
    """Increment ``total``, which is not guarded otherwise, while holding the primitive, until an event is set."""
    mine = 0
    while not stop.is_set():
        with primitive:
            total.value += 1
        mine += 1
    rounds.put(mine)


def repair(primitive: Any) -> None:
    """Have a lock usable again whose owner died, unless another process does that."""
    try:
        with primitive.recover():
            pass
    except NotHeldError:
        pass


def hold_until_killed(primitive: Any, inside: Any, name: int) -> None:
    """Acquire and release for ever; exits with 3 if another holder was inside at the same time."""
    while True:
        try:
            primitive.acquire()
        except OwnerDied:
            repair(primitive)
            continue
        inside.value = name
        for _ in range(name % 50):
            pass
        if inside.value != name:
            os._exit(3)
        primitive.release()
