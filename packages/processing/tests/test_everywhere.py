"""What works on every system, by the start method that each has first: `nox -s windows` runs it under Wine."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import processing
from processing import reduction
from processing.connection import Client, Listener, wait
from processing.shared_memory import SharedMemory
from processing_core import lowlevel

SECONDS = 60
LONG = bytes(range(256)) * 2000  # more than the system's buffers hold


def send_twice(connection: processing.Connection) -> None:
    connection.send(connection.recv() * 2)


def write_first(name: str) -> None:
    memory = SharedMemory(name)
    memory.buf[0] = 42
    memory.close()


def square(number: int) -> int:
    return number * number


def echo_bytes(connection: processing.Connection) -> None:
    connection.send_bytes(connection.recv_bytes())
    connection.close()


def refuse(listener: Listener) -> None:
    with pytest.raises(processing.AuthenticationError):
        listener.accept(SECONDS)


def fail(number: int) -> int:
    raise ValueError(number)


@contextmanager
def connected(kind: str) -> Iterator[tuple[Any, Any]]:
    """The ends of a pipe, or of a connection."""
    if kind == "pipe":
        ends: tuple[Any, Any] = processing.Pipe()
    else:
        with Listener() as listener:
            made: list[Any] = []
            thread = threading.Thread(target=lambda: made.append(Client(listener.address)))
            thread.start()
            accepted = listener.accept(SECONDS)
            thread.join()
            ends = made[0], accepted
    with ends[0], ends[1]:
        yield ends


class TestProcesses:
    def test_exit_codes(self) -> None:
        process = processing.Process(target=os._exit, args=(7,))
        process.start()
        process.join(SECONDS)
        assert process.exitcode == 7

    @pytest.mark.parametrize(("end", "exitcode"), [("terminate", -15), ("kill", -9)])
    def test_ended(self, end: str, exitcode: int) -> None:
        process = processing.Process(target=time.sleep, args=(SECONDS,))
        process.start()
        assert wait([process.sentinel], 0.1) == []
        getattr(process, end)()
        assert wait([process.sentinel], SECONDS) == [process.sentinel]
        process.join(SECONDS)
        assert process.exitcode == exitcode

    def test_of_daemons_that_end_by_themselves(self) -> None:
        for code in (0, 3, 0):
            process = processing.Process(target=sys.exit, args=(code,), daemon=True)
            process.start()
            process.join(SECONDS)
            assert process.exitcode == code

    def test_methods_that_there_are_not(self) -> None:
        missing = {"fork", "forkserver", "spawn", "no such"} - {*processing.get_all_start_methods()}
        for name in missing:
            with pytest.raises(ValueError, match="cannot find context for"):
                processing.get_context(name)


class TestHandles:
    @pytest.mark.parametrize("kind", ["pipe", "connection"])
    def test_one_of_a_socket_is_sent(self, kind: str) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs, connected(kind) as (sender, receiver):
            reduction.send_handle(sender, theirs.fileno(), os.getpid())
            with socket.socket(fileno=reduction.recv_handle(receiver)) as arrived:
                arrived.sendall(b"x")
                assert ours.recv(1) == b"x"

    def test_a_file_is_closed(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        lowlevel.opened(str(path), os.O_WRONLY | os.O_CREAT).close()
        path.unlink()  # on Windows no process has it open then
        assert not path.exists()


class TestConnections:
    def test_pipe(self) -> None:
        ours, theirs = processing.Pipe()
        process = processing.Process(target=send_twice, args=(theirs,))
        process.start()
        theirs.close()
        ours.send("ab")
        assert wait([ours], SECONDS) == [ours]
        assert ours.recv() == "abab"
        process.join(SECONDS)
        with pytest.raises(EOFError):
            ours.recv()
        ours.close()

    def test_listener(self) -> None:
        with Listener(("localhost", 0), authkey=b"key") as listener:
            thread = threading.Thread(target=lambda: listener.accept(SECONDS).send("hello"))
            thread.start()
            with Client(listener.address, authkey=b"key") as client:
                assert client.recv() == "hello"
            thread.join()

    @pytest.mark.parametrize("key", [b"key", None])
    def test_the_system_s_own_family(self, key: bytes | None) -> None:
        with Listener(authkey=key) as listener:
            thread = threading.Thread(target=lambda: echo_bytes(listener.accept(SECONDS)))
            thread.start()
            with Client(listener.address, authkey=key, timeout=SECONDS) as client:
                client.send_bytes(LONG)
                assert client.recv_bytes() == LONG
                with pytest.raises(EOFError):
                    client.recv()
            thread.join()
            assert listener.last_accepted is None

    def test_clients_wait_in_the_backlog(self) -> None:
        with Listener() as listener:
            clients = [Client(listener.address, timeout=SECONDS) for _ in range(3)]
            accepted = [listener.accept(SECONDS) for _ in clients]
            for number, client in enumerate(clients):
                client.send(number)
            assert sorted(connection.recv() for connection in accepted) == [0, 1, 2]
            for connection in [*clients, *accepted]:
                connection.close()

    def test_a_wrong_key(self) -> None:
        with Listener(authkey=b"key") as listener:
            thread = threading.Thread(target=lambda: refuse(listener))
            thread.start()
            with pytest.raises(processing.AuthenticationError):
                Client(listener.address, authkey=b"other", timeout=SECONDS)
            thread.join()

    def test_wait_for_many(self) -> None:
        """Windows waits for 64 handles at once, and not for sockets beside them."""
        pipes = [processing.Pipe(duplex=False) for _ in range(70)]
        queue: processing.Queue[int] = processing.Queue()
        process = processing.Process(target=os._exit, args=(0,))
        ours, theirs = socket.socketpair()
        with Listener() as listener, ours, theirs:
            things = [*(receiver for receiver, _ in pipes), queue, ours, listener]
            assert wait(things, 0.1) == []
            pipes[69][1].send(1)
            assert wait(things, SECONDS) == [pipes[69][0]]
            pipes[69][0].recv()
            theirs.send(b"x")
            assert wait(things, SECONDS) == [ours]
            ours.recv(1)
            queue.put(1)
            assert wait(things, SECONDS) == [queue]
            queue.get()
            process.start()
            assert wait([*things, process.sentinel], SECONDS) == [process.sentinel]
            process.join()


class TestShared:
    def test_named_memory(self) -> None:
        memory = SharedMemory(create=True, size=100)
        process = processing.Process(target=write_first, args=(memory.name,))
        process.start()
        process.join(SECONDS)
        assert memory.buf[0] == 42
        with pytest.raises(FileExistsError):
            SharedMemory(memory.name, create=True, size=100)
        memory.close()
        memory.unlink()

    def test_manager(self) -> None:
        with processing.Manager() as manager:
            shared = manager.dict(key=1)
            assert shared.copy() == {"key": 1}

    def test_pool(self) -> None:
        with processing.Pool(2) as pool:
            assert pool.map(square, range(100)) == [number * number for number in range(100)]
            with pytest.raises(ValueError, match="3"):
                pool.apply(fail, (3,))
