"""Waking another process, by a condition and by an event."""

from __future__ import annotations

import multiprocessing
from time import perf_counter
from typing import Any

from benchmarks.comparison import Peer, Row

fork = multiprocessing.get_context("fork")


def answer_turns(condition: Any, turn: Any, n: int) -> None:
    for _ in range(n):
        with condition:
            while turn.value == 0:
                condition.wait()
            turn.value = 0
            condition.notify()


def condition_turns(library: Any, n: int) -> float:
    condition, turn = library.Condition(), library.Value("i", 0, lock=False)
    other = library.Process(target=answer_turns, args=(condition, turn, n + 1))
    other.start()
    turns(condition, turn, 1)
    start = perf_counter()
    turns(condition, turn, n)
    taken = perf_counter() - start
    other.join()
    return taken


def turns(condition: Any, turn: Any, n: int) -> None:
    for _ in range(n):
        with condition:
            turn.value = 1
            condition.notify()
            while turn.value == 1:
                condition.wait()


def answer_events(there: Any, back: Any, n: int) -> None:
    for _ in range(n):
        there.wait()
        there.clear()
        back.set()


def bounce(there: Any, back: Any, n: int) -> None:
    for _ in range(n):
        there.set()
        back.wait()
        back.clear()


def event_turns(library: Any, n: int) -> float:
    there, back = library.Event(), library.Event()
    other = library.Process(target=answer_events, args=(there, back, n + 1))
    other.start()
    bounce(there, back, 1)
    start = perf_counter()
    bounce(there, back, n)
    taken = perf_counter() - start
    other.join()
    return taken


def ours_condition(n: int) -> float:
    import processing

    return condition_turns(processing, n)


def ours_event(n: int) -> float:
    import processing

    return event_turns(processing, n)


def mp_condition(n: int) -> float:
    return condition_turns(fork, n)


def mp_event(n: int) -> float:
    return event_turns(fork, n)


ROWS = [
    Row(
        "condition",
        "condition ping-pong",
        "round trip",
        ours_condition,
        (Peer("mp.Condition", mp_condition),),
        first=100,
    ),
    Row("event", "event ping-pong", "round trip", ours_event, (Peer("mp.Event", mp_event),), first=100),
]
