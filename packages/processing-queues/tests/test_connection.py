"""``Connection``: messages and their bounds, misuse, interruptions, and the bytes on the wire."""

from __future__ import annotations

import array
import os
import pickle
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from processing_core import BaseContext, BufferTooShort, ClosedError
from processing_queues import Connection, Pipe
from processing_testing.children import connections
from processing_testing.children import functions as children
from processing_testing.children.interrupting import interrupts, signals
from processing_testing.harness import leaks
from processing_testing.harness.mechanisms import needs_alarms, needs_local_sockets

SIZES = [0, 1, 3, 4, 5, 8, 255, 65_535, 65_536, 1_000_001]

Both = tuple[Connection, Connection]


def sockets() -> Both:
    """Connections over a pair of sockets, as `Listener` and `Client` make them."""
    ours, theirs = socket.socketpair()
    return Connection(ours.detach()), Connection(theirs.detach())


def system_pipe() -> Both:
    """Connections over a pipe of the system."""
    if os.name != "posix":
        pytest.skip("on this system a connection has a handle, and os.pipe makes numbers of the C library's")
    read_end, write_end = os.pipe()
    return Connection(read_end, writable=False), Connection(write_end, readable=False)


STREAMS: dict[str, Callable[[], Both]] = {"sockets": sockets, "system_pipe": system_pipe}
PIPES: dict[str, Callable[[], Both]] = {"duplex": Pipe, "simplex": lambda: Pipe(False)}


@contextmanager
def both_closed(make: Callable[[], Both]) -> Iterator[Both]:
    with leaks.leaves_nothing():
        receiver, sender = make()
        yield receiver, sender
        receiver.close()
        sender.close()


@pytest.fixture(params=[*PIPES, *STREAMS])
def pipe(request: pytest.FixtureRequest) -> Iterator[Both]:
    """A receiver and a sender."""
    with both_closed({**PIPES, **STREAMS}[request.param]) as both:
        yield both


@pytest.fixture(params=STREAMS)
def stream(request: pytest.FixtureRequest) -> Iterator[Both]:
    """A receiver and a sender that send streams of bytes."""
    with both_closed(STREAMS[request.param]) as both:
        yield both


@contextmanager
def meanwhile(function: Callable[[], object]) -> Iterator[None]:
    """Call *function* in a thread during the body, and wait for its end."""
    thread = threading.Thread(target=function)
    thread.start()
    try:
        yield
    finally:
        thread.join()


class TestMessages:
    @pytest.mark.parametrize("size", SIZES)
    def test_bytes_arrive_whole(self, pipe: Both, size: int) -> None:
        receiver, sender = pipe
        message = os.urandom(size)
        with meanwhile(lambda: sender.send_bytes(message)):
            assert receiver.recv_bytes() == message

    def test_objects_arrive_in_order(self, pipe: Both) -> None:
        receiver, sender = pipe
        objects: list[Any] = [None, 1, "text", b"bytes", {"a": [1.5]}, "x" * 1_000_000]
        with meanwhile(lambda: [sender.send(obj) for obj in objects]):
            assert [receiver.recv() for _ in objects] == objects

    def test_parts_of_buffers(self, pipe: Both) -> None:
        receiver, sender = pipe
        for args, received in [
            ((b"abcdef",), b"abcdef"),
            ((b"abcdef", 2), b"cdef"),
            ((b"abcdef", 2, 3), b"cde"),
            ((b"abcdef", 6), b""),
            ((bytearray(b"abc"),), b"abc"),
            ((memoryview(b"abc")[1:],), b"bc"),
            ((array.array("i", [1, 2, 3]), 4, 4), struct.pack("=i", 2)),
        ]:
            sender.send_bytes(*args)
            assert receiver.recv_bytes() == received

    def test_into_a_buffer(self, pipe: Both) -> None:
        receiver, sender = pipe
        numbers = array.array("i", [0] * 4)
        sender.send_bytes(array.array("i", [1, 2]))
        assert receiver.recv_bytes_into(numbers, 4) == 8
        assert numbers.tolist() == [0, 1, 2, 0]

    def test_into_a_buffer_too_short(self, pipe: Both) -> None:
        receiver, sender = pipe
        buffer = bytearray(4)
        sender.send_bytes(b"too long")
        sender.send_bytes(b"next")
        with pytest.raises(BufferTooShort) as caught:
            receiver.recv_bytes_into(buffer)
        assert caught.value.args == (b"too long",)
        assert pickle.loads(pickle.dumps(caught.value)).args == (b"too long",)
        assert (receiver.recv_bytes_into(buffer), buffer) == (4, b"next")

    def test_longer_than_allowed(self) -> None:
        ours, theirs = Pipe()
        theirs.send_bytes(b"12345")
        with pytest.raises(OSError, match="bad message length"):
            ours.recv_bytes(4)
        assert not ours.readable and ours.writable
        with pytest.raises(OSError, match="write-only"):
            ours.recv_bytes()
        ours.send("still")
        assert theirs.recv() == "still"

    def test_longer_than_allowed_closes_a_receiver(self) -> None:
        receiver, sender = Pipe(False)
        sender.send_bytes(b"12345")
        with pytest.raises(OSError, match="bad message length"):
            receiver.recv_bytes(4)
        assert receiver.closed

    def test_the_unpicklable_raises_and_sends_nothing(self, pipe: Both) -> None:
        receiver, sender = pipe
        with pytest.raises((TypeError, pickle.PicklingError), match="pickle"):
            sender.send(threading.Lock())
        sender.send("next")
        assert receiver.recv() == "next"

    def test_what_does_not_unpickle_raises_in_its_recv(self, pipe: Both) -> None:
        receiver, sender = pipe
        sender.send(children.Unloadable())
        sender.send("next")
        with pytest.raises(ValueError, match="does not load"):
            receiver.recv()
        assert receiver.recv() == "next"

    def test_closures_travel(self, pipe: Both) -> None:
        receiver, sender = pipe
        word = "word"
        sender.send(lambda: word)
        assert receiver.recv()() == "word"


class TestPoll:
    def test_tells_what_is_there(self, pipe: Both) -> None:
        receiver, sender = pipe
        assert receiver.poll() is False
        sender.send(1)
        assert receiver.poll() is True and receiver.poll(None) is True
        receiver.recv()
        assert receiver.poll(-1) is False

    def test_keeps_its_deadline(self, pipe: Both) -> None:
        receiver, _ = pipe
        for timeout in (0.001, 0.2):
            begin = time.monotonic()
            assert not receiver.poll(timeout)
            assert time.monotonic() - begin >= timeout

    def test_wakes_at_a_message(self, pipe: Both) -> None:
        receiver, sender = pipe
        with meanwhile(lambda: sender.send(1)):
            assert receiver.poll(30)

    def test_the_end_is_something_to_receive(self, pipe: Both) -> None:
        receiver, sender = pipe
        sender.close()
        assert receiver.poll(None)
        for _ in range(2):
            with pytest.raises(EOFError):
                receiver.recv()


class TestClose:
    def test_by_with(self) -> None:
        with leaks.leaves_nothing():
            ours, theirs = Pipe()
            with ours as same, theirs:
                assert same is ours and not ours.closed
            assert ours.closed
            ours.close()

    @pytest.mark.parametrize(
        "use",
        [
            lambda it: it.send(1),
            lambda it: it.recv(),
            lambda it: it.send_bytes(b""),
            lambda it: it.recv_bytes(),
            lambda it: it.recv_bytes_into(bytearray()),
            lambda it: it.poll(),
            lambda it: it.fileno(),
            lambda it: pickle.dumps(it),
        ],
    )
    def test_refuses_every_use(self, use: Callable[[Connection], object]) -> None:
        ours, _ = Pipe()
        ours.close()
        with pytest.raises(ClosedError, match="handle is closed"):
            use(ours)
        assert issubclass(ClosedError, OSError)

    def test_the_handle_that_libraries_look_at(self, pipe: Both) -> None:
        for end in pipe:
            assert end._handle == end.fileno()
            end.close()
            assert end._handle is None

    def test_the_handle_that_programs_set(self) -> None:
        end, raw = socket.socketpair()
        handle = end.detach()
        with raw:
            connection = Connection(handle)
            connection._handle = None
            assert connection.closed
            raw.sendall(b"\0\0\0\1x")
            connection._handle = handle
            assert (connection._handle, connection.closed) == (handle, False)
            assert connection.recv_bytes() == b"x"  # it was not closed
            connection.close()
            assert raw.recv(1) == b""

    @pytest.mark.parametrize(
        "pipe", [*PIPES, "system_pipe", pytest.param("sockets", marks=needs_local_sockets)], indirect=True
    )
    def test_of_the_reader_breaks_the_writer(self, pipe: Both) -> None:
        receiver, sender = pipe
        receiver.close()
        with pytest.raises(BrokenPipeError):
            sender.send(1)

    @pytest.mark.parametrize(
        ("make", "told"),
        [(Pipe, "^$"), pytest.param(sockets, "did not read all", marks=needs_local_sockets)],
    )
    def test_with_messages_unread(self, make: Callable[[], Both], told: str) -> None:
        ours, theirs = make()
        theirs.send("last")
        ours.send("never read")
        theirs.close()
        assert ours.recv() == "last"
        with pytest.raises(EOFError, match=told):
            ours.recv()


@needs_alarms
class TestInterruption:
    def test_of_recv(self, pipe: Both) -> None:
        receiver, sender = pipe
        with interrupts():
            receiver.recv()
        sender.send("whole")
        assert receiver.recv() == "whole"

    @pytest.mark.parametrize("have", [1, 4, 7, 40_000])
    def test_of_recv_amid_a_message(self, stream: Both, have: int) -> None:
        receiver, sender = stream
        message = os.urandom(100_000)
        frame = struct.pack("!i", len(message)) + message
        os.write(sender.fileno(), frame[:have])
        with interrupts():
            receiver.recv_bytes()
        with meanwhile(lambda: os.write(sender.fileno(), frame[have:])):
            assert receiver.recv_bytes() == message

    def test_of_send_amid_a_message(self, stream: Both) -> None:
        receiver, sender = stream
        message = bytearray(os.urandom(3_000_000))
        sent = bytes(message)
        with interrupts(when=receiver.poll):
            sender.send_bytes(message)
        message[:] = bytes(len(message))  # the buffer belongs to the caller all the time
        with meanwhile(lambda: sender.send_bytes(b"next")):
            assert receiver.recv_bytes() == sent
            assert receiver.recv_bytes() == b"next"

    def test_of_send(self) -> None:
        """`send` waits for room; an interrupted message was not sent."""
        receiver, sender = Pipe(False)
        message = bytes(8000)
        sent = seen = 0

        def waits() -> bool:
            nonlocal seen
            before, seen = seen, sent
            return seen == before > 1900  # nothing was sent since the last signal

        with interrupts(when=waits):
            while True:
                sender.send_bytes(message)
                sent += 1
        received = 0
        while receiver.poll():
            assert receiver.recv_bytes() == message
            received += 1
        assert received == sent
        assert 15_000_000 < sent * len(message) < 17_000_000
        sender.send("next")
        assert receiver.recv() == "next"

    def test_of_poll(self, pipe: Both) -> None:
        receiver, sender = pipe
        with interrupts():
            receiver.poll(None)
        sender.send(1)
        assert receiver.recv() == 1

    def test_a_handler_that_returns_does_not_end_a_wait(self, pipe: Both) -> None:
        receiver, sender = pipe
        calls: list[int] = []

        def handler() -> None:
            calls.append(1)
            if len(calls) == 3:
                sender.send("at last")

        with signals(handler):
            assert receiver.recv() == "at last"
        assert len(calls) >= 3


class TestWire:
    """The frames of ``multiprocessing.connection``: a four-byte size, or -1 and an eight-byte size."""

    def test_what_is_written(self) -> None:
        end, raw = socket.socketpair()
        with raw, Connection(end.detach()) as connection:
            connection.send_bytes(b"abc")
            assert raw.recv(100) == b"\0\0\0\3abc"
            connection.send_bytes(b"")
            assert raw.recv(100) == b"\0\0\0\0"

    def test_what_is_read(self) -> None:
        end, raw = socket.socketpair()
        with raw, Connection(end.detach()) as connection:
            raw.sendall(b"\0\0\0\3abc" + b"\xff\xff\xff\xff" + struct.pack("!Q", 4) + b"long" + b"\0\0\0\0")
            assert [connection.recv_bytes() for _ in range(3)] == [b"abc", b"long", b""]

    @pytest.mark.parametrize("cut", range(1, 16))
    def test_cut_short(self, cut: int) -> None:
        end, raw = socket.socketpair()
        with Connection(end.detach()) as connection:
            raw.sendall((b"\xff\xff\xff\xff" + struct.pack("!Q", 4) + b"long")[:cut])
            raw.close()
            with pytest.raises(EOFError, match="in the middle of a message"):
                connection.recv_bytes()

    def test_a_negative_size_is_no_message(self) -> None:
        end, raw = socket.socketpair()
        with raw, Connection(end.detach()) as connection:
            raw.sendall(struct.pack("!i", -2) + b"abc")
            with pytest.raises(OSError, match="bad message length"):
                connection.recv()
            with pytest.raises(OSError, match="write-only"):
                connection.recv()

    def test_an_announcement_alone_takes_no_memory(self) -> None:
        end, raw = socket.socketpair()
        with Connection(end.detach()) as connection:
            raw.sendall(b"\xff\xff\xff\xff" + struct.pack("!Q", 1 << 60))
            raw.close()
            with pytest.raises(EOFError):
                connection.recv()


class TestMaking:
    def test_owns_its_handle(self) -> None:
        with leaks.leaves_nothing():
            end, raw = socket.socketpair()
            handle = end.detach()
            connection = Connection(handle)
            assert connection.fileno() == handle
            del connection
            assert raw.recv(1) == b""
            raw.close()

    @pytest.mark.parametrize(
        ("args", "error"),
        [((-1,), ValueError), ((0, False, False), ValueError), (("0",), TypeError), ((1.5,), TypeError)],
    )
    def test_refuses(self, args: tuple[Any, ...], error: type[Exception]) -> None:
        with pytest.raises(error):
            Connection(*args)


@pytest.mark.attack
@pytest.mark.watchdog(900)
@pytest.mark.parametrize("kind", ["pipe", "sockets"])
def test_a_message_over_two_gib(kind: str, rounds: Callable[[int, int], int]) -> None:
    size = rounds(40 << 20, (2 << 30) + 5)
    message = bytearray(size)
    message[0], message[size // 2], message[-1] = b"abc"
    if kind == "pipe":
        receiver, sender = Pipe(False)
    else:
        receiver, sender = (Connection(end.detach()) for end in socket.socketpair())
    with receiver, sender, meanwhile(lambda: sender.send_bytes(message)):
        received = receiver.recv_bytes()
    assert len(received) == size
    assert (received[0], received[size // 2], received[-1]) == tuple(b"abc")
    assert received.count(0) == size - 3


def test_large_messages_both_ways(context: BaseContext) -> None:
    ours, theirs = Pipe()
    process = context.Process(target=connections.echo_bytes, args=(theirs, ours))
    process.start()
    theirs.close()
    for size in (10, 10_000_000, 1):
        message = os.urandom(size)
        ours.send_bytes(message)
        assert ours.recv_bytes() == message
    ours.close()
    process.join()
    assert process.exitcode == 0


class Modern(Connection):
    """A connection that records which modern methods the old names call."""

    reached: str = ""

    def send_bytes(self, buf: Any, offset: int = 0, size: int | None = None) -> None:
        self.reached = f"send_bytes {buf!r}"

    def recv_bytes(self, maxlength: int | None = None) -> bytes:
        self.reached = "recv_bytes"
        return b"received"

    def recv_bytes_into(self, buf: Any, offset: int = 0) -> int:
        self.reached = f"recv_bytes_into {offset}"
        return 3


@pytest.mark.parametrize(
    ("use", "reached", "result"),
    [
        (lambda it: it.sendBytes(b"x"), "send_bytes b'x'", None),
        (lambda it: it.recvBytes(), "recv_bytes", b"received"),
        (lambda it: it.recvBytesInto(bytearray(1), 1), "recv_bytes_into 1", 3),
    ],
)
def test_the_names_of_0_52(use: Callable[[Connection], object], reached: str, result: object) -> None:
    end, raw = socket.socketpair()
    with raw, Modern(end.detach()) as connection:
        assert use(connection) == result
        assert connection.reached == reached


def test_repr() -> None:
    ours, _ = Pipe()
    assert re.fullmatch(r"<processing_queues.Connection object at 0x[0-9A-Fa-f]+>", repr(ours))
