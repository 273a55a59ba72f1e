"""A child sends messages through a pipe one by one, this process receives them one by one."""

from __future__ import annotations

import multiprocessing
from collections import deque
from functools import partial
from itertools import repeat
from time import perf_counter
from typing import Any

from benchmarks.comparison import Peer, Row

fork = multiprocessing.get_context("fork")

INTEGER: Any = 12345
MEBIBYTE: Any = bytes(range(256)) * 4096


def send(sender: Any, item: Any, n: int) -> None:
    sender.send(None)
    send = sender.send
    for _ in repeat(None, n):
        send(item)


def stream(library: Any, item: Any, n: int) -> float:
    """Seconds from the first message to the last."""
    receiver, sender = library.Pipe(False)
    child = library.Process(target=send, args=(sender, item, n))
    child.start()
    recv = receiver.recv
    recv()
    start = perf_counter()
    deque((recv() for _ in repeat(None, n)), maxlen=0)
    taken = perf_counter() - start
    child.join()
    return taken


def ours(item: Any, n: int) -> float:
    import processing

    return stream(processing, item, n)


def mp(item: Any, n: int) -> float:
    return stream(fork, item, n)


def row(name: str, what: str, item: Any) -> Row:
    return Row(name, what, "message", partial(ours, item), (Peer("mp.Pipe", partial(mp, item)),), first=10)


ROWS = [row("pipe-small", "pipe, an int", INTEGER), row("pipe-large", "pipe, 1 MiB of bytes", MEBIBYTE)]
