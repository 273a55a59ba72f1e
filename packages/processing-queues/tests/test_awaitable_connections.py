"""The awaitable twins of the connections' methods, in each kind of event loop."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator

import pytest

import processing_core
from processing_core.lowlevel import current_waiter
from processing_queues import Client, Connection, Listener, Pipe
from processing_testing.children import awaited as children
from processing_testing.harness.event_loops import Cancelled, EventLoop
from processing_testing.harness.event_loops import loop as loop

Ends = tuple[Connection, Connection]


def _stream() -> Ends:
    one, other = socket.socketpair()
    return Connection(one.detach()), Connection(other.detach())


def _system_pipe() -> Ends:
    if sys.platform == "win32":  # whose pipes without a name hold 64 bytes
        made: list[Connection] = []
        with Listener(family="AF_PIPE") as listener:
            thread = threading.Thread(target=lambda: made.append(Client(listener.address)))
            thread.start()
            accepted = listener.accept()
            thread.join()
        return accepted, made[0]
    read_fd, write_fd = os.pipe()
    return Connection(read_fd, writable=False), Connection(write_fd, readable=False)


@pytest.fixture(params=[lambda: Pipe(False), _stream, _system_pipe])
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    """A receiving and a sending end, over the arena, a socket, and a pipe of the system."""
    receiver, sender = request.param()
    with receiver, sender:
        yield receiver, sender


class TestReceive:
    def test_waits(self, loop: EventLoop, ends: Ends) -> None:
        receiver, sender = ends

        async def main(loop: EventLoop) -> None:
            for number in range(3):
                task = loop.start(receiver.recv_async)
                await loop.settle()
                await sender.send_async({"number": number})
                assert await task.result() == {"number": number}
            await sender.send_bytes_async(b"bytes", 1, 3)
            assert await receiver.recv_bytes_async() == b"yte"
            await sender.send_bytes_async(b"bytes")
            buffer = bytearray(8)
            assert await receiver.recv_bytes_into_async(buffer, 2) == 5
            assert buffer == b"\0\0bytes\0"

        loop.run(main)

    def test_end(self, loop: EventLoop, ends: Ends) -> None:
        receiver, sender = ends

        async def main(loop: EventLoop) -> None:
            task = loop.start(receiver.recv_async)
            await loop.settle()
            sender.close()
            with pytest.raises(EOFError):
                await task.result()

        loop.run(main)

    @pytest.mark.parametrize("woken", [False, True], ids=["asleep", "woken"])
    def test_cancelled_has_received_nothing(self, loop: EventLoop, ends: Ends, woken: bool) -> None:
        receiver, sender = ends

        async def main(loop: EventLoop) -> None:
            task = loop.start(receiver.recv_async)
            await loop.settle()
            if woken:
                current_waiter()._try_everything()  # as when a process ends
            sender.send("kept")
            task.cancel()
            with pytest.raises(Cancelled):
                await task.result()
            assert await receiver.recv_async() == "kept"

        loop.run(main)

    def test_poll(self, loop: EventLoop, ends: Ends) -> None:
        receiver, sender = ends

        async def main(loop: EventLoop) -> None:
            assert await receiver.poll_async() is False
            assert await receiver.poll_async(0.01) is False
            task = loop.start(receiver.poll_async, 20)
            await loop.settle()
            sender.send(1)
            assert await task.result() is True
            assert await receiver.recv_async() == 1

        loop.run(main)

    def test_part_of_a_message_stays(self, loop: EventLoop) -> None:
        ours, theirs = socket.socketpair()
        with theirs, Connection(ours.detach()) as connection:

            async def main(loop: EventLoop) -> None:
                theirs.send(b"\0\0\0\x05he")
                task = loop.start(connection.recv_bytes_async)
                await loop.settle()
                task.cancel()
                with pytest.raises(Cancelled):
                    await task.result()
                theirs.send(b"llo")
                assert await connection.recv_bytes_async() == b"hello"

            loop.run(main)


class TestSend:
    def test_waits_for_the_receiver(self, loop: EventLoop, ends: Ends) -> None:
        receiver, sender = ends

        async def send() -> None:
            for number in range(20):
                await sender.send_bytes_async(bytes([number]) * 1_000_000)

        async def main(loop: EventLoop) -> None:
            task = loop.start(send)
            for number in range(20):
                assert await receiver.recv_bytes_async() == bytes([number]) * 1_000_000
            await task.result()

        loop.run(main)

    def test_cancelled_is_unsent_or_completes(self, loop: EventLoop, ends: Ends) -> None:
        receiver, sender = ends
        large = b"x" * 9_000_000

        async def main(loop: EventLoop) -> None:
            task = loop.start(sender.send_bytes_async, large)
            second = loop.start(_send_after, task, sender, large)
            await loop.settle()
            task.cancel()
            got = []
            while not got or got[-1] != b"last":
                got.append(await receiver.recv_bytes_async())
            assert set(got) <= {large, b"last"}
            await second.result()

        loop.run(main)

    def test_the_other_end_is_gone(self, loop: EventLoop, ends: Ends) -> None:
        receiver, sender = ends
        receiver.close()

        async def main(loop: EventLoop) -> None:
            with pytest.raises(BrokenPipeError):
                await sender.send_bytes_async(b"x" * 10_000_000)

        loop.run(main)


async def _send_after(task: object, sender: Connection, large: bytes) -> None:
    try:
        await task.result()  # type: ignore[attr-defined]
    except Cancelled:
        pass
    await sender.send_bytes_async(b"last")


def test_a_listener_accepts(loop: EventLoop, context: processing_core.BaseContext) -> None:
    async def main(loop: EventLoop) -> None:
        with Listener(authkey=b"key") as listener:
            with pytest.raises(processing_core.TimeoutError):
                await listener.accept_async(0.01)
            async with context.Process(target=children.serve_echo, args=(listener.address, b"key")):
                with await listener.accept_async(20) as connection:
                    for number in range(3):
                        await connection.send_async([number] * 100_000)
                        assert await connection.recv_async() == [number] * 100_000

    loop.run(main)


def test_encrypted(loop: EventLoop) -> None:
    from processing_testing.harness.encryption import client_context, server_context

    received = []

    def client(address: object) -> None:
        with Client(address, authkey=b"key", ssl=client_context()) as connection:
            received.append(connection.recv())
            connection.send("answer" * 100_000)

    async def main(loop: EventLoop) -> None:
        with Listener(("localhost", 0), authkey=b"key", ssl=server_context()) as listener:
            thread = threading.Thread(target=client, args=(listener.address,))
            thread.start()
            with await listener.accept_async(20) as connection:
                await connection.send_async("question" * 1_000_000)
                assert await connection.recv_async() == "answer" * 100_000
            thread.join()

    loop.run(main)
    assert received == ["question" * 1_000_000]
