"""Signals that arrive while a call waits."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Interrupt(Exception):
    """What the signal handler raises."""


@contextmanager
def signals(handler: Callable[[], object], every: float = 0.01) -> Iterator[None]:
    """Call *handler* in the main thread again and again, from a signal's handler, while the body runs."""
    before = signal.signal(signal.SIGALRM, lambda *_: handler())
    signal.setitimer(signal.ITIMER_REAL, every, every)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def interrupts(when: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Let a signal handler raise once in the body, after *when*; the body must not catch that exception."""
    raised = False

    def handler() -> None:
        nonlocal raised
        if not raised and when():
            raised = True
            raise Interrupt

    try:
        with signals(handler):
            yield
    except Interrupt:
        return
    raise AssertionError("the signal interrupted nothing")
