"""Functions for child processes of tests of queues."""

from __future__ import annotations

import queue as names
from array import array
from typing import Any

from processing_testing.harness.rendezvous import RendezvousClient

Q = Any
"""A queue, of whatever package."""


def put_range(queue: Q, producer: int, n: int) -> None:
    """Put (producer, 0), (producer, 1), …"""
    for i in range(n):
        queue.put((producer, i))


def put_blocks(queue: Q, producer: int, blocks: int, size: int) -> None:
    """Put blocks of (producer, block, index), each by one `put_many`."""
    for block in range(blocks):
        queue.put_many([(producer, block, i) for i in range(size)])


def put_bytes(queue: Q, items: int, size: int) -> None:
    """Put a number of items, each of *size* bytes."""
    for i in range(items):
        queue.put(bytes([i % 256]) * size)


def forward(source: Q, target: Q) -> None:
    """Move items from *source* to *target* until there is a None."""
    while (item := source.get()) is not None:
        target.put(item)


def put_for_ever(queue: Q, address: str) -> None:
    """Tell the test, then put until killed."""
    RendezvousClient(address).send("here")
    i = 0
    while True:
        queue.put(("item", i, b"x" * (i % 20_000)))
        i += 1


def get_for_ever(queue: Q, address: str) -> None:
    """Tell the test, then get until killed."""
    RendezvousClient(address).send("here")
    while True:
        try:
            queue.get(timeout=0.01)
        except names.Empty:
            pass


def get_and_wait_for_ever(queue: Q, address: str) -> None:
    """Tell the test, then get until killed; a call may wait when the queue is empty."""
    RendezvousClient(address).send("here")
    while True:
        queue.get()


def answer(source: Q) -> None:
    """Get a queue, and put a word into it."""
    source.get(timeout=30).put("a word")


def finish_tasks(queue: Q, n: int) -> None:
    """Get a number of tasks, and finish each."""
    for _ in range(n):
        queue.get()
        queue.task_done()


def put_and_finish_for_ever(queue: Q, address: str) -> None:
    """Tell the test, then put tasks, get tasks and finish them until killed."""
    RendezvousClient(address).send("here")
    while True:
        queue.put(b"x" * 100)
        queue.get()
        queue.task_done()


def get_one(queue: Q) -> None:
    """Get one item."""
    queue.get()


def join(queue: Q) -> None:
    """Wait until every task is done."""
    queue.join()


def put_into_received(source: Q, word: str) -> None:
    """Get a queue, and put a word into it."""
    source.get().put(word)


def until_shut_down(queue: Q, how: str, address: str) -> None:
    """Tell the test, then get and finish tasks until the queue is shut down, or wait for all to be finished."""
    from processing_queues import ShutDown

    RendezvousClient(address).send("here")
    try:
        while how != "join":
            items = queue.get_many(3) if how == "get_many" else [queue.get()]
            for _ in items:
                queue.task_done()
    except ShutDown:
        return
    queue.join()


def put_with_keys_for_ever(queue: Q, address: str) -> None:
    """Tell the test, then put items with all sort keys until killed."""
    RendezvousClient(address).send("here")
    i = 0
    while True:
        queue.put((i % 5, i, b"x" * (i % 20_000)))
        i += 1


def forward_all(source: Q, target: Q) -> None:
    """Move items from *source* to *target* until the source is shut down."""
    from processing_queues import ShutDown

    try:
        while True:
            target.put(source.get())
    except ShutDown:
        pass


def put_range_many(queue: Q, producer: int, n: int) -> None:
    """Put (producer, 0), (producer, 1), …, forty at a time."""
    for start in range(0, n, 40):
        queue.put_many([(producer, i) for i in range(start, min(start + 40, n))])


def check_order(queue: Q, target: Q, many: bool) -> None:
    """Get what two producers put until the queue is shut down; each producer's numbers must rise; put them all."""
    from processing_queues import ShutDown

    seen = [array("q"), array("q")]
    latest = [-1, -1]
    try:
        while True:
            for producer, number in queue.get_many(50) if many else [queue.get()]:
                assert number > latest[producer], (producer, number, latest)
                latest[producer] = number
                seen[producer].append(number)
    except ShutDown:
        target.put(seen)
