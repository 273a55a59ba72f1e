"""Deadlocks are named, and programs that only look so are not: read from outside, without anything in the program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from processing_core import introspection
from processing_testing.children import deadlocks as programs
from processing_testing.harness.mechanisms import needs_inspection

pytestmark = needs_inspection

WORDS = {
    "two_locks": ["waits for Lock", "held by ForkProcess-"],
    "pool_whose_task_waits_for_its_caller": ["waits for Lock", "held by MainProcess", "waits for a get of Queue"],
    "join_of_one_that_waits_for_a_queue": ["waits for a get of Queue"],
    "lock_taken_twice": ["held by MainProcess"],
    "full_queue_whose_consumer_waits": ["waits for a put of Queue", "waits for Lock"],
    "object_larger_than_the_room": ["waits for a put of Queue", "waits for Lock"],
    "more_items_than_room": ["waits for a put of Queue", "waits for Lock"],
    "ordered_object_larger_than_the_room": ["waits for a put of PriorityQueue", "waits for Lock"],
    "message_larger_than_the_room_of_a_pipe": ["waits for a put of Queue", "waits for Lock"],
    "join_of_an_unfinished_queue": ["waits for a join of Queue"],
    "condition_without_notifier": ["waits for Condition"],
    "reentrant_locks_of_two_threads": ["waits for RLock 1 (held by MainProcess", "waits for RLock 2"],
    "queues_that_feed_each_other": ["waits for a get of Queue 1", "waits for a get of Queue 2"],
    "consumer_that_reports_nothing": ["waits for a join of Queue 1", "waits for a get of Queue 1"],
    "lock_held_by_one_that_waits_for_a_queue": ["held by ForkProcess-1", "waits for a get of Queue"],
}


@contextmanager
def running(functions: list[Callable[[], Any]]) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """The programs, each in a session of its own, which is ended at the end."""
    command = [sys.executable, "-m", programs.__name__]
    started = {f.__name__: subprocess.Popen([*command, f.__name__], start_new_session=True) for f in functions}
    try:
        yield started
    finally:
        for process in started.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def found(pid: int) -> list[introspection.Deadlock]:
    """The deadlocks of a program; none as long as it has no family."""
    try:
        return introspection.deadlocks(pid)
    except introspection.NotReadable:
        return []


def test_each_is_named() -> None:
    with running(programs.DEADLOCKS) as started:
        texts: dict[str, str] = {}
        deadline = time.monotonic() + 45
        while len(texts) < len(started) and time.monotonic() < deadline:
            for name, process in started.items():
                assert process.poll() is None, name
                if name not in texts and (seen := found(process.pid)):
                    texts[name] = seen[0].text
            time.sleep(0.05)
    assert texts.keys() == started.keys()
    for name, words in WORDS.items():
        assert all(word in texts[name] for word in words), texts[name]
        assert "deadlocks.py:" in texts[name]


def test_no_false_alarm() -> None:
    with running(programs.BUSY) as started:
        seen: dict[str, list[introspection.Deadlock]] = {}
        waiting: set[str] = set()
        deadline = time.monotonic() + 30
        end = float("inf")
        while time.monotonic() < min(end, deadline):
            for name, process in started.items():
                assert process.poll() is None, name
                if alarms := found(process.pid):
                    seen[name] = alarms
                if name not in waiting and _has_waited(process.pid):
                    waiting.add(name)
            if len(waiting) >= len(started) - 2 and end == float("inf"):  # two have no thread that waits for long
                end = time.monotonic() + 2
            time.sleep(0.05)
    assert seen == {}
    assert waiting >= {"lock_of_one_that_sleeps", "handle_on_its_way", "event_set_by_a_signal"}


def _has_waited(pid: int) -> bool:
    try:
        return any(member.waits for member in introspection.family(pid).members)
    except introspection.NotReadable:
        return False


@pytest.mark.parametrize("seconds", [0.4])
def test_named_soon(seconds: float) -> None:
    """A slice after the last has begun to wait, and not before."""
    with running([programs.lock_taken_twice]) as started:
        (process,) = started.values()
        while not (seen := found(process.pid)):
            assert process.poll() is None
            time.sleep(0.01)
        (member,) = introspection.family(process.pid).members
        assert seen[0].members == (member.serial,)
        assert member.waits[0].seconds >= seconds
