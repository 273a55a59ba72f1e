from __future__ import annotations

import signal
import socket
import threading
import time
from typing import Any

import pytest

from processing_core import BaseContext
from processing_queues import Client, Connection, Listener, Pipe, wait
from processing_testing.children import connections
from processing_testing.children import functions as children
from processing_testing.harness.mechanisms import needs_alarms
from processing_testing.harness.rendezvous import Rendezvous


def test_those_that_are_ready_in_the_order_given() -> None:
    pipes = [Pipe(False) for _ in range(5)]
    receivers = [receiver for receiver, _ in pipes]
    assert wait(receivers, 0) == []
    for number in (3, 1):
        pipes[number][1].send(number)
    assert wait(receivers) == [receivers[1], receivers[3]]
    assert [connection.recv() for connection in wait(receivers)] == [1, 3]
    assert wait(receivers, -1) == []


def test_nothing_to_wait_for() -> None:
    assert wait([], 0.01) == []
    assert wait(iter([]), 0) == []


def test_the_same_twice() -> None:
    receiver, sender = Pipe(False)
    sender.send(1)
    assert wait([receiver, receiver, receiver.fileno()]) == [receiver, receiver, receiver.fileno()]


def test_mixed(context: BaseContext, rendezvous: Rendezvous) -> None:
    process = context.Process(target=children.report_and_wait, args=(rendezvous.address, "here"))
    process.start()
    peer = rendezvous.accept()
    assert peer.receive() == ["here"]
    ours, theirs = socket.socketpair()
    receiver, sender = Pipe()
    with ours, theirs, Listener() as listener:
        things: list[Any] = [process.sentinel, ours, receiver, listener]
        assert wait(things, 0.01) == []
        theirs.send(b"!")
        assert wait(things) == [ours]
        assert ours.recv(1) == b"!"
        sender.send("!")
        assert wait(things) == [receiver]
        receiver.recv()
        with Client(listener.address):
            assert wait(things) == [listener]
            listener.accept().close()
        peer.release()
        assert wait(things) == [process.sentinel]
    process.join()


def test_readers_from_a_crowd(context: BaseContext) -> None:
    readers: list[Connection] = []
    processes = []
    for number in range(4):
        receiver, sender = Pipe(False)
        processes.append(context.Process(target=connections.send, args=(sender, *[(number, i) for i in range(10)])))
        processes[-1].start()
        sender.close()
        readers.append(receiver)
    received = []
    while readers:
        for reader in wait(readers):
            try:
                received.append(reader.recv())
            except EOFError:
                readers.remove(reader)
    assert sorted(received) == [(number, i) for number in range(4) for i in range(10)]
    for process in processes:
        process.join()


def test_the_end_is_something() -> None:
    receiver, sender = Pipe()
    thread = threading.Thread(target=sender.close)
    thread.start()
    assert wait([receiver], 30) == [receiver]
    thread.join()


@pytest.mark.parametrize("timeout", [0.001, 0.2])
def test_keeps_its_deadline(timeout: float) -> None:
    receiver, _sender = Pipe(False)
    begin = time.monotonic()
    assert wait([receiver], timeout) == []
    assert time.monotonic() - begin >= timeout


@needs_alarms
def test_a_signal_handler_that_raises_interrupts() -> None:
    receiver, _sender = Pipe(False)

    def interrupt(*_: object) -> None:
        raise InterruptedError("by the test")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    try:
        with pytest.raises(InterruptedError, match="by the test"):
            wait([receiver])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_waiting_takes_no_cpu() -> None:
    receiver, _sender = Pipe(False)
    begin = time.process_time()
    wait([receiver], 1)
    receiver.poll(1)
    assert time.process_time() - begin < 0.1


@pytest.mark.parametrize("thing", [1.5, None, "text", object()])
def test_what_has_no_descriptor(thing: Any) -> None:
    with pytest.raises(ValueError, match="Invalid file object"):
        wait([thing], 0)


def test_what_is_closed() -> None:
    receiver, _ = Pipe()
    receiver.close()
    with pytest.raises(OSError, match="handle is closed"):
        wait([receiver], 0)
    closed = socket.socket()
    closed.close()
    for thing in (closed, -1):
        with pytest.raises(ValueError, match="Invalid file descriptor"):
            wait([thing], 0)


@pytest.mark.parametrize("timeout", ["1", float("nan")])
def test_wrong_timeouts(timeout: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="timeout"):
        wait([0], timeout)
