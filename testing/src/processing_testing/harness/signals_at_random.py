"""Signals whose handler raises in the main thread, at instants of their own.

They arrive wherever CPython runs handlers, which is at more places than a tracing function is called:
`interruption_points` interrupts before an instruction, and a handler runs at the end of one. A test that uses this
ignores `pytest.PytestUnraisableExceptionWarning`, for some arrive where CPython ignores exceptions.
"""

from __future__ import annotations

import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Interrupt", "interrupted_repeatedly", "is_acquired", "times_left_held"]

LONGEST_PAUSE = 0.002
"""Seconds between two signals."""


class Interrupt(BaseException):
    """An exception that is no `Exception`, like a `KeyboardInterrupt`."""


@contextmanager
def interrupted_repeatedly(error: type[BaseException] = Interrupt) -> Iterator[Callable[[Callable[[], object]], None]]:
    """Send signals to the main thread, which runs the body.

    :param error: what their handler raises.
    :return: what calls a function again and again, until a signal's handler raises in it.
    """
    armed: list[bool] = []
    over = threading.Event()

    def interrupt(*_: object) -> None:
        if armed:
            # Here, so that the next signal does not raise while the test handles this one. In one step, so that signals
            # that come faster than this is called do not nest.
            armed.clear()
            raise error

    def disturb() -> None:
        dice = random.Random(2)
        main = threading.main_thread().ident
        assert main is not None
        while not over.wait(dice.random() * LONGEST_PAUSE):
            signal.pthread_kill(main, signal.SIGUSR1)

    def arm_again() -> None:
        # A function, for on CPython 3.14 the jump behind an `if` that ends a loop is outside of the `try` around it.
        if not armed:  # what was raised has been ignored: in a finalizer, or a callback of the collector
            armed.append(True)

    def until_interrupted(call: Callable[[], object]) -> None:
        try:
            armed.append(True)
            while True:
                call()
                arm_again()
        except error:
            pass

    before = signal.signal(signal.SIGUSR1, interrupt)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # so that the thread that sends them need not wait for the GIL
    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        yield until_interrupted
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)
        signal.signal(signal.SIGUSR1, before)


def times_left_held(make: Callable[[], object], is_held: Callable[[object], bool], rounds: int) -> int:
    """Interrupt ``with thing: pass`` as many times.

    :param make: makes the thing; another one when it was left held.
    :param is_held: whether it is held by the main thread.
    """

    def enter() -> None:
        with thing:  # type: ignore[attr-defined]
            pass

    thing, left = make(), 0
    with interrupted_repeatedly() as until_interrupted:
        for _ in range(rounds):
            until_interrupted(enter)
            if is_held(thing):
                thing, left = make(), left + 1
    return left


def is_acquired(lock: object) -> bool:
    """Whether another thread cannot acquire a lock."""
    acquired: list[bool] = []

    def try_it() -> None:
        acquired.append(lock.acquire(False))  # type: ignore[attr-defined]
        if acquired[0]:
            lock.release()  # type: ignore[attr-defined]

    thread = threading.Thread(target=try_it)
    thread.start()
    thread.join()
    return not acquired[0]
