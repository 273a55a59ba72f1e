"""Properties of every call that blocks, whatever it waits for."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import processing_sync
from processing_sync import BoundedSemaphore, Condition, Event, Lock, RLock, Semaphore
from processing_testing.children.forking import Child, await_sleep
from processing_testing.harness.rendezvous import MessageSocket

Fork = Callable[[Callable[[MessageSocket], object]], Child]

HONEST = 0.1
IDLE_SECONDS, IDLE_CPU = 5.0, 0.020


class Blocking(NamedTuple):
    """A call that blocks: another process runs ``prepare`` before; ``wait`` takes a timeout."""

    make: Callable[[], Any]
    prepare: Callable[[Any], object]
    wait: Callable[[Any, float | None], object]


def _nothing(thing: Any) -> None: ...


def _acquire(thing: Any, timeout: float | None) -> object:
    return thing.acquire(timeout=timeout)


def _wait(thing: Any, timeout: float | None) -> object:
    return thing.wait(timeout)


def _wait_inside(thing: Any, timeout: float | None) -> object:
    with thing:
        return thing.wait(timeout)


def _acquire_all(thing: Any) -> None:
    while thing.acquire(False):
        pass


CALLS = {
    "Lock.acquire": Blocking(Lock, lambda it: it.acquire(), _acquire),
    "RLock.acquire": Blocking(RLock, lambda it: it.acquire(), _acquire),
    "Semaphore.acquire": Blocking(lambda: Semaphore(0), _nothing, _acquire),
    "BoundedSemaphore.acquire": Blocking(lambda: BoundedSemaphore(3), _acquire_all, _acquire),
    "Event.wait": Blocking(Event, _nothing, _wait),
    "Condition.wait": Blocking(Condition, _nothing, _wait_inside),
    "Condition.acquire": Blocking(Condition, lambda it: it.acquire(), _acquire),
}


@pytest.fixture(params=sorted(CALLS))
def call(request: pytest.FixtureRequest) -> Blocking:
    return CALLS[request.param]


@pytest.fixture
def thing(call: Blocking, fork: Fork) -> Any:
    """The object that the call waits for without success, because another process holds it."""
    made = call.make()
    other = fork(lambda line: (call.prepare(made), line.send("done"), line.receive()))
    other.receive()
    return made


class Interrupted(Exception):
    pass


def test_a_signal_handler_that_raises_interrupts_it(call: Blocking, thing: Any, fork: Fork) -> None:
    def waiter(line: MessageSocket) -> None:
        def handler(signum: int, frame: object) -> None:
            raise Interrupted

        signal.signal(signal.SIGINT, handler)
        line.send("ready")
        with pytest.raises(Interrupted):
            call.wait(thing, None)
        line.send(time.monotonic())

    child = fork(waiter)
    child.receive()
    child.await_sleep()
    sent = time.monotonic()
    os.kill(child.pid, signal.SIGINT)
    assert child.receive() - sent < 1.0
    assert child.join() == 0


def test_a_signal_handler_that_returns_does_not(call: Blocking, thing: Any, fork: Fork) -> None:
    def waiter(line: MessageSocket) -> None:
        signal.signal(signal.SIGUSR1, lambda signum, frame: line.send("handled"))
        line.send("ready")
        start = time.monotonic()
        line.send([call.wait(thing, 1.0), time.monotonic() - start])

    child = fork(waiter)
    child.receive()
    child.await_sleep()
    os.kill(child.pid, signal.SIGUSR1)
    assert child.receive() == "handled"
    result, taken = child.receive()
    assert not result and taken >= 1.0


@pytest.mark.parametrize("timeout", [0, 0.05, 0.5, 1.2])
def test_deadlines_are_kept(call: Blocking, thing: Any, timeout: float) -> None:
    late = []
    for _ in range(3):  # a loaded machine may delay this process, but not every time
        start = time.monotonic()
        assert not call.wait(thing, timeout)
        late.append(time.monotonic() - start - timeout)
        assert late[-1] >= 0
        if late[-1] < HONEST:
            return
    raise AssertionError(f"late by {late} s")


def test_a_timeout_as_long_as_a_life(call: Blocking, thing: Any, fork: Fork) -> None:
    child = fork(lambda line: (line.send("ready"), call.wait(thing, 1e12)))
    child.receive()
    child.await_sleep()


@pytest.mark.parametrize(("wrong", "error"), [("1", TypeError), ([], TypeError), (float("nan"), ValueError)])
def test_a_timeout_that_is_no_number(call: Blocking, thing: Any, wrong: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="timeout"):
        call.wait(thing, wrong)


@pytest.mark.parametrize(("wrong", "error"), [("1", TypeError), (b"1", TypeError), (float("nan"), ValueError)])
def test_such_a_timeout_of_a_predicate_and_of_a_barrier(wrong: Any, error: type[Exception]) -> None:
    condition = processing_sync.Condition()
    with condition, pytest.raises(error, match="timeout"):
        condition.wait_for(lambda: False, wrong)
    with pytest.raises(error, match="timeout"):
        processing_sync.Barrier(2).wait(wrong)
    with pytest.raises(error, match="timeout"):
        processing_sync.Barrier(2, timeout=wrong).wait()


def test_other_threads_run_meanwhile(call: Blocking, thing: Any) -> None:
    done = threading.Event()
    thread = threading.Thread(target=lambda: (await_sleep(os.getpid()), done.set()))
    thread.start()
    assert not call.wait(thing, 0.3)
    assert done.wait(20)
    thread.join()


def test_blocked_processes_use_no_cpu(fork: Fork) -> None:
    """All calls block at once, each in a process of its own."""

    def waiter(call: Blocking, thing: Any) -> Callable[[MessageSocket], object]:
        def body(line: MessageSocket) -> None:
            line.receive()
            before = time.process_time()
            assert not call.wait(thing, IDLE_SECONDS)
            line.send(time.process_time() - before)

        return body

    things = []
    for call in CALLS.values():
        things.append(call.make())
        holder = fork(
            lambda test, call=call, thing=things[-1]: (call.prepare(thing), test.send("done"), test.receive())
        )
        holder.receive()
    waiters = [fork(waiter(call, thing)) for call, thing in zip(CALLS.values(), things, strict=True)]
    for child in waiters:
        child.send("now")
    used = {name: child.receive() for name, child in zip(CALLS, waiters, strict=True)}
    assert all(seconds <= IDLE_CPU for seconds in used.values()), used
