"""Sockets, and connections over sockets, that are sent to processes: on Windows they are no handles like others."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

import processing_core
from processing_core import HandleError
from processing_core.lowlevel import dumps, loads
from processing_queues import Connection, Pipe, Queue
from processing_testing.children import sent_sockets as children


def received(end: socket.socket, size: int) -> bytes:
    end.settimeout(30)
    got = b""
    while len(got) < size and (more := end.recv(size - len(got))):
        got += more
    return got


@pytest.mark.parametrize("method", processing_core.get_all_start_methods())
class TestChild:
    def test_by_argument_queue_and_connection(self, method: str) -> None:
        queue: Queue[object] = Queue()
        ours, theirs = Pipe()
        pairs = [socket.socketpair() for _ in range(4)]
        sent = [pair[0] for pair in pairs]
        process = processing_core.get_context(method).Process(target=children.use, args=(sent[0], queue, theirs))
        process.start()
        queue.put(sent[1])
        ours.send(sent[2])
        assert received(pairs[0][1], 8) == b"argument"
        assert received(pairs[1][1], 5) == b"queue"
        assert received(pairs[2][1], 10) == b"connection"
        with Connection(sent[3].detach()) as theirs_too, Connection(pairs[3][1].detach()) as ours_too:
            queue.put(theirs_too)
            assert ours_too.recv() == "stream"
        process.join()
        assert process.exitcode == 0
        for pair in pairs:
            for end in pair:
                end.close()

    def test_listening(self, method: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            address = listening.getsockname()
            process = processing_core.get_context(method).Process(target=children.accept, args=(listening,))
            process.start()
            with socket.create_connection(address) as client:
                client.sendall(b"hello")
                assert received(client, 5) == b"HELLO"
            process.join()


@pytest.fixture
def no_thread_is_left() -> Iterator[None]:
    """The thread that answers, if there is one, ends with the last deposit, and drops its queue: Windows has it."""
    before = threading.active_count()
    yield
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)  # the thread is the server's own
    assert threading.active_count() == before


@pytest.mark.usefixtures("no_thread_is_left")
class TestFetching:
    def test_once(self) -> None:
        one, other = socket.socketpair()
        with one, other:
            first, second = dumps(one), dumps(one)
            with loads(first) as copy:
                copy.sendall(b"first")
            with pytest.raises(HandleError):
                loads(first)
            with loads(second) as copy:
                copy.sendall(b"again")
            assert received(other, 10) == b"firstagain"
            with pytest.raises(HandleError):
                loads(second)

    def test_a_pickle_that_fails_keeps_no_copy(self) -> None:
        one, other = socket.socketpair()
        with other:
            with one, pytest.raises(TypeError):
                Queue[object]().put([one, threading.Lock()])
            assert received(other, 1) == b""  # nobody has the other end any more

    def test_the_timeout_goes_with_it(self) -> None:
        one, other = socket.socketpair()
        with one, other:
            for timeout in (None, 2.5):
                one.settimeout(timeout)
                with loads(dumps(one)) as copy:
                    assert copy.gettimeout() == timeout
                    assert (copy.family, copy.type) == (one.family, one.type)

    def test_several_times(self) -> None:
        one, other = socket.socketpair()
        with one, other:
            for _ in range(3):
                loads(dumps(one)).close()
