"""A child puts items one by one, this process gets them one by one."""

from __future__ import annotations

import multiprocessing
from collections import deque
from functools import partial
from itertools import repeat
from time import perf_counter
from typing import Any

from benchmarks.comparison import Peer, Row

fork = multiprocessing.get_context("fork")

BOUND = 1000
INTEGER: Any = 12345
RECORD: Any = {"id": 12345, "name": "a name", "point": (1.5, 2.5)}
MEBIBYTE: Any = bytes(range(256)) * 4096


LINGER = tuple(range(5))
"""What the slower side of an uneven stream goes through for each item; it takes 50 ns or more."""


def produce(queue: Any, item: Any, n: int) -> None:
    queue.put(None)
    put = queue.put
    for _ in repeat(None, n):
        put(item)


def produce_slowly(queue: Any, item: Any, n: int) -> None:
    queue.put(None)
    put = queue.put
    for _ in repeat(None, n):
        put(item)
        for _ in LINGER:
            pass


def stream(process: Any, queue: Any, item: Any, n: int, produce: Any = produce) -> float:
    """Seconds from the first item to the last."""
    producer = process(target=produce, args=(queue, item, n))
    producer.start()
    get = queue.get
    get()
    start = perf_counter()
    deque((get() for _ in repeat(None, n)), maxlen=0)
    taken = perf_counter() - start
    producer.join()
    return taken


def stream_to_slower(process: Any, queue: Any, item: Any, n: int) -> float:
    """The same, with a consumer that does something for each item."""
    producer = process(target=produce, args=(queue, item, n))
    producer.start()
    get = queue.get
    get()
    start = perf_counter()
    for _ in repeat(None, n):
        get()
        for _ in LINGER:
            pass
    taken = perf_counter() - start
    producer.join()
    return taken


def ours(item: Any, n: int) -> float:
    import processing

    return stream(processing.Process, processing.Queue(), item, n)


def our_slow_producer(n: int) -> float:
    import processing

    return stream(processing.Process, processing.Queue(), INTEGER, n, produce_slowly)


def our_slow_consumer(n: int) -> float:
    import processing

    return stream_to_slower(processing.Process, processing.Queue(BOUND), INTEGER, n)


def of_mp(queue: Any, measure: Any, *arguments: Any) -> float:
    try:
        return measure(fork.Process, queue, *arguments)
    finally:
        queue.close()
        queue.join_thread()


def mp(item: Any, n: int) -> float:
    return of_mp(fork.Queue(), stream, item, n)


def mp_slow_producer(n: int) -> float:
    return of_mp(fork.Queue(), stream, INTEGER, n, produce_slowly)


def mp_slow_consumer(n: int) -> float:
    return of_mp(fork.Queue(BOUND), stream_to_slower, INTEGER, n)


def faster_fifo(item: Any, n: int) -> float:
    from faster_fifo import Queue

    queue = Queue(max_size_bytes=16 << 20)
    try:
        return stream(fork.Process, queue, item, n)
    finally:
        queue.close()


Targets = tuple[float | None, float | None]
"""Floor and aim."""


def row(name: str, what: str, item: Any, mp_targets: Targets, fifo_targets: Targets = (None, None)) -> Row:
    return Row(
        name,
        what,
        "item",
        partial(ours, item),
        (
            Peer("mp.Queue", partial(mp, item), mp_targets[0], mp_targets[1]),
            Peer("faster-fifo", partial(faster_fifo, item), fifo_targets[0], fifo_targets[1], requires="faster_fifo"),
        ),
        first=10,
    )


ROWS = [
    row("queue-small", "queue, an int", INTEGER, (10, 20), (5, 10)),
    row("queue-record", "queue, a small dict", RECORD, (10, 20), (5, 10)),
    Row(
        "queue-slow-producer",
        "queue, an int, of a producer that computes",
        "item",
        our_slow_producer,
        (Peer("mp.Queue", mp_slow_producer, 10),),
        first=10,
    ),
    Row(
        "queue-slow-consumer",
        "queue of 1,000 ints, to a consumer that computes",
        "item",
        our_slow_consumer,
        (Peer("mp.Queue", mp_slow_consumer, 10),),
        first=10,
    ),
    row("queue-large", "queue, 1 MiB of bytes", MEBIBYTE, (2, 5)),
]
