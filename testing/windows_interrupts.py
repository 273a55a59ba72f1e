"""Ctrl-C in blocking calls, on Windows: ``python windows_interrupts.py``, in a console of its own.

Without a console Windows has no Ctrl-C; `windows_suite.py` gives this a terminal. Each call must end by a
`KeyboardInterrupt` within `SECONDS`; how long it took is printed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable

import processing
from processing.connection import Client, Listener, wait

SECONDS = 5.0
"""Usually it takes milliseconds; the machine may be busy."""


def in_accept() -> None:
    with Listener() as listener:
        listener.accept()


def in_a_named_pipe() -> None:
    with Listener() as listener, Client(listener.address) as client, listener.accept():
        client.recv()


def in_acquire() -> None:
    lock = processing.Lock()
    lock.acquire()
    lock.acquire()


def in_put() -> None:
    queue: processing.Queue[int] = processing.Queue(1)
    queue.put(1)
    queue.put(2)


def in_recv() -> None:
    receiver, _sender = processing.Pipe()
    receiver.recv()


def in_wait() -> None:
    receiver, _sender = processing.Pipe()
    wait([receiver, processing.Queue()])


def sleep_uninterrupted(ready: processing.Event) -> None:
    """The target of a process that Ctrl-C, which all processes of a console get, does not end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ready.set()
    time.sleep(600)


def in_a_task(pool: processing.Pool) -> Callable[[], object]:
    return lambda: pool.apply(time.sleep, (60,))


def interrupted_after(call: Callable[[], object]) -> float:
    """The seconds from Ctrl-C to the end of the call."""
    sent: list[float] = []

    def send() -> None:
        sent.append(time.perf_counter())
        os.kill(0, signal.CTRL_C_EVENT)  # type: ignore[attr-defined,unused-ignore]

    timer = threading.Timer(1.0, send)
    timer.start()
    try:
        call()
    except KeyboardInterrupt:
        return time.perf_counter() - sent[0]
    finally:
        timer.join()
    raise AssertionError(f"{call} returned")


def main() -> int:
    """:return: the exit code."""
    slow = []
    ready = processing.Event()
    process = processing.Process(target=sleep_uninterrupted, args=(ready,), daemon=True)
    process.start()
    ready.wait()
    with processing.Pool(1) as pool:
        calls = [in_accept, in_a_named_pipe, in_acquire, in_put, in_recv, in_wait]
        alone = [processing.Queue[int]().get, processing.Event().wait, processing.Barrier(2).wait]
        for call in [*calls, *alone, in_a_task(pool), process.join]:
            seconds = interrupted_after(call)
            print(f"{call.__qualname__}: {seconds:.3f} s", flush=True)
            slow += [call] if seconds > SECONDS else []
    print("interrupted in time" if not slow else f"TOO LATE: {slow}", flush=True)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
