"""A message to a child and its answer back, one at a time."""

from __future__ import annotations

import multiprocessing
from itertools import repeat
from time import perf_counter
from typing import Any

from benchmarks.comparison import Peer, Row

fork = multiprocessing.get_context("fork")


def echo(requests: Any, answers: Any) -> None:
    while (request := requests.get()) is not None:
        answers.put(request)


def ping_pong(process: Any, requests: Any, answers: Any, n: int) -> float:
    child = process(target=echo, args=(requests, answers))
    child.start()
    for _ in range(10):
        requests.put(0)
        answers.get()
    start = perf_counter()
    for _ in repeat(None, n):
        requests.put(1)
        answers.get()
    taken = perf_counter() - start
    requests.put(None)
    child.join()
    return taken


def ours(n: int) -> float:
    import processing

    return ping_pong(processing.Process, processing.Queue(), processing.Queue(), n)


def mp(n: int) -> float:
    return ping_pong(fork.Process, fork.Queue(), fork.Queue(), n)


def mp_simple(n: int) -> float:
    return ping_pong(fork.Process, fork.SimpleQueue(), fork.SimpleQueue(), n)


def faster_fifo(n: int) -> float:
    from faster_fifo import Queue

    return ping_pong(fork.Process, Queue(), Queue(), n)


PARTS = 5


def echo_parts(requests: Any, answers: Any, n: int) -> None:
    for _ in repeat(None, n):
        for _ in range(PARTS):
            request = requests.get()
        for _ in range(PARTS):
            answers.put(request)


def turns_of_parts(process: Any, requests: Any, answers: Any, n: int) -> float:
    """Each turn is several messages: a header, for instance, and what it announces."""
    child = process(target=echo_parts, args=(requests, answers, n + 10))
    child.start()
    for number in range(n + 10):
        if number == 10:
            start = perf_counter()
        for _ in range(PARTS):
            requests.put(1)
        for _ in range(PARTS):
            answers.get()
    taken = perf_counter() - start
    child.join()
    return taken


def our_turns_of_parts(n: int) -> float:
    import processing

    return turns_of_parts(processing.Process, processing.Queue(), processing.Queue(), n)


def mp_turns_of_parts(n: int) -> float:
    return turns_of_parts(fork.Process, fork.Queue(), fork.Queue(), n)


def pipe_echo(connection: Any) -> None:
    while (request := connection.recv()) is not None:
        connection.send(request)


def pipe(library: Any, n: int) -> float:
    mine, theirs = library.Pipe()
    child = library.Process(target=pipe_echo, args=(theirs,))
    child.start()
    for _ in range(10):
        mine.send(0)
        mine.recv()
    start = perf_counter()
    for _ in repeat(None, n):
        mine.send(1)
        mine.recv()
    taken = perf_counter() - start
    mine.send(None)
    child.join()
    return taken


def our_pipe(n: int) -> float:
    import processing

    return pipe(processing, n)


def mp_pipe(n: int) -> float:
    return pipe(fork, n)


ROWS = [
    Row(
        "ping-pong",
        "queue ping-pong",
        "round trip",
        ours,
        (
            Peer("mp.Queue", mp, 5, 25),
            Peer("mp.SimpleQueue", mp_simple),
            Peer("faster-fifo", faster_fifo, requires="faster_fifo"),
        ),
        first=100,
    ),
    Row(
        "queue-turns",
        "queue, turns of five messages",
        "turn",
        our_turns_of_parts,
        (Peer("mp.Queue", mp_turns_of_parts, 5),),
        first=100,
    ),
    Row("pipe-ping-pong", "pipe ping-pong", "round trip", our_pipe, (Peer("mp.Pipe", mp_pipe, 5, 25),), first=100),
]
