"""A call that an exception of a signal handler ends leaves no descriptor open, at whatever point of it.

A pipe's end that is left open keeps the process at the other end waiting for ever.
"""

from __future__ import annotations

import gc
import os
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import processing
from processing.connection import Listener, wait
from processing_core._fds import transports
from processing_testing.children import functions as children
from processing_testing.harness.attack import rounds
from processing_testing.harness.interruption_cases import Case, interrupt_everywhere

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not list descriptors"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # a socket that is dropped closes its descriptor
]


def open_files() -> list[str]:
    """What this process has open."""
    folder = "/proc/self/fd"
    found = []
    for name in os.listdir(folder):
        try:
            found.append(os.readlink(f"{folder}/{name}"))
        except OSError:  # the folder itself, which is closed by now
            pass
    return sorted(found)


def leaving_nothing(call: Callable[[], object], least: int, room: int = 0, after: Callable[[], object] = bool) -> Case:
    """A case after which no more is open than before.

    :param room: descriptors that a later call closes, or that belong to what nobody can fetch any more.
    :param after: is called after the call, and not interrupted.
    """
    call()
    after()
    before: list[str] = []

    def check() -> None:
        call()  # what it begins with is dropped by now
        after()
        deadline = time.monotonic() + 10
        while True:
            gc.collect()
            processing.active_children()  # which drops children that have ended
            now = open_files()
            if len(now) <= len(before) + room:
                return
            assert time.monotonic() < deadline, sorted(set(now) - set(before))

    before = open_files()
    return Case(call, check, partial(transports.recall, 0), least=least)


def pipe() -> None:
    for end in processing.Pipe():
        end.close()
    receiver, sender = processing.Pipe(duplex=False)
    with receiver, sender:
        wait([receiver], 0)


def listener() -> None:
    Listener().close()


def sent(queue: Any) -> None:
    """A socket arrives from the same process; what an earlier call has put, and not got, is dropped."""
    one, other = socket.socketpair()
    with one, other:
        queue.put(one)
        while queue.qsize():
            queue.get().close()


def process(method: str) -> None:
    context: Any = processing.get_context(method)
    child = context.Process(target=children.nothing)
    child.start()
    child.join()
    child.close()


@pytest.mark.attack
@pytest.mark.parametrize("call", [pipe, listener])
def test_of_calls(call: Callable[[], object]) -> None:
    interrupt_everywhere(lambda: leaving_nothing(call, least=30), rounds(60, 10**6))


@pytest.mark.attack
def test_of_what_arrives() -> None:
    # What is unpickled when a handler raises is lost; if that is before the descriptor is asked for, its copy stays.
    interrupt_everywhere(
        lambda: leaving_nothing(partial(sent, processing.Queue()), least=100, room=4), rounds(60, 10**6)
    )


@pytest.mark.attack
@pytest.mark.watchdog(300)
@pytest.mark.parametrize("method", processing.get_all_start_methods())
def test_of_processes(method: str) -> None:
    # A child that a call has begun with, and not waited for, is dropped with a later one.  What is sent afterwards must
    # not be taken for an argument of it.
    call, after = partial(process, method), partial(sent, processing.Queue())
    interrupt_everywhere(lambda: leaving_nothing(call, least=100, room=4, after=after), rounds(40, 10**6))
