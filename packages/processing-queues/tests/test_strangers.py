"""Processes that do not know the key and connect to a `Listener`, or accept a `Client`."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import struct
import threading
import time
from contextlib import ExitStack, suppress
from types import SimpleNamespace
from typing import Any

import pytest

from processing_core import AuthenticationError, BaseContext
from processing_queues import Client, Listener, Pipe, _pending_connections, wait
from processing_testing.children import connections
from processing_testing.children.connections import dialling, frame
from processing_testing.harness import leaks
from processing_testing.harness.mechanisms import needs_forks

KEY = b"a key"
USER = os.getuid() if hasattr(os, "getuid") else 0
"""The one that is named with a process."""


@pytest.fixture
def few_pending(monkeypatch: pytest.MonkeyPatch) -> int:
    """Limit the number of connections that may be pending."""
    monkeypatch.setattr(_pending_connections, "MOST", 4)
    monkeypatch.setattr(_pending_connections, "GRACE", 0.2)
    return 4


def check_service(listener: Listener, number: int = 1) -> None:
    """Check that the listener accepts a client that knows the key."""
    friend = threading.Thread(target=connections.dial, args=(listener.address, KEY, number))
    friend.start()
    try:
        with listener.accept(50) as connection:
            assert connection.recv() == number
    finally:
        friend.join()


class Code:
    """An object that must never be unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (99,)


ATTACKS = {
    "nothing": b"",
    "noise": bytes(range(256)) * 10,
    "a pickle": frame(pickle.dumps(Code())),
    "an announcement": struct.pack("!i", 0x7FFFFFFF) + bytes(1000),
    "a long announcement": b"\xff\xff\xff\xff" + struct.pack("!Q", 1 << 62) + bytes(1000),
    "a negative size": struct.pack("!i", -2) + bytes(1000),
    "257 bytes": frame(bytes(257)),
    "an empty answer": frame(b""),
    "another digest": frame(b"{md5}" + bytes(16)),
    "a bare digest": frame(bytes(16)),
    "a welcome": frame(b"#WELCOME#"),
}


ANSWERS = ("a pickle", "an empty answer", "another digest", "a bare digest", "a welcome")
"""The attacks that send a whole message which is not a hello."""


class TestListener:
    @pytest.mark.parametrize("attack", ATTACKS)
    def test_it_survives(self, attack: str, refusals: list[str]) -> None:
        with leaks.leaves_nothing(), Listener(backlog=2, authkey=KEY) as listener:
            with connections.connect(listener.address) as stranger:
                stranger.sendall(ATTACKS[attack])
                stranger.shutdown(socket.SHUT_WR)
                if attack in ANSWERS:
                    with pytest.raises(AuthenticationError, match="expected the hello of a client of processing"):
                        listener.accept(50)
                check_service(listener)
            check_service(listener)
        assert len(refusals) == 1
        assert refusals[0].startswith(
            f"listener at {listener.address!r} refused process {os.getpid()} of user {USER}: "
        )

    @pytest.mark.parametrize("attack", [b"", b"\0", b"\0\0\0\x20", b"\0\0\0\x20{sha256}"], ids=repr)
    def test_no_client_waits_for_a_silent_one(self, attack: bytes, refusals: list[str]) -> None:
        with leaks.leaves_nothing(), Listener(backlog=5, authkey=KEY) as listener, ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(connections.connect(listener.address)).sendall(attack)
            check_service(listener)
            check_service(listener)
            assert refusals == []

    def test_a_client_that_takes_too_long_is_refused(self, refusals: list[str]) -> None:
        with leaks.leaves_nothing(), Listener(authkey=KEY, handshake_timeout=0.1) as listener:
            with connections.connect(listener.address) as stranger:
                stranger.sendall(b"\0")
                with pytest.raises(TimeoutError):
                    listener.accept(0.5)
                assert stranger.recv(1000).startswith(frame(b"#PROCESSING1#listener#" + bytes(32))[:26])
                with suppress(ConnectionResetError):  # because its last bytes were not read
                    assert stranger.recv(1000) == b""
            check_service(listener)
        assert [text.rpartition(": ")[2] for text in refusals] == ["it has not shown in time that it knows the key"]

    def test_a_client_that_sends_single_bytes_is_refused_too(self, refusals: list[str]) -> None:
        stop = threading.Event()

        def send_slowly() -> None:
            with connections.connect(listener.address) as stranger, suppress(OSError):
                stranger.sendall(b"\0\0\0\xff")
                while not stop.wait(0.005):
                    stranger.sendall(b"\0")

        with Listener(("localhost", 0), authkey=KEY, handshake_timeout=0.2) as listener:
            stranger = threading.Thread(target=send_slowly)
            stranger.start()
            try:
                with pytest.raises(TimeoutError):
                    listener.accept(1)
            finally:
                stop.set()
                stranger.join()
            check_service(listener)
        assert len(refusals) == 1

    def test_many_clients_without_the_key_keep_no_other_out(self, few_pending: int, refusals: list[str]) -> None:
        with leaks.leaves_nothing(), Listener(backlog=20, authkey=KEY) as listener, ExitStack() as stack:
            for _ in range(2 * few_pending + 1):
                stack.enter_context(connections.connect(listener.address))
            check_service(listener)
            assert len(refusals) >= few_pending + 1
            assert all("with 4 others waiting" in text for text in refusals)

    def test_many_clients_with_the_key_are_accepted(
        self, few_pending: int, refusals: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_pending_connections, "GRACE", 50.0)
        count = 5 * few_pending
        with Listener(backlog=count, authkey=KEY) as listener:
            friends = [
                threading.Thread(target=connections.dial, args=(listener.address, KEY, number))
                for number in range(count)
            ]
            for friend in friends:
                friend.start()
            got = []
            for _ in friends:
                with listener.accept(50) as connection:
                    got.append(connection.recv())
            for friend in friends:
                friend.join()
        assert sorted(got) == list(range(count))
        assert refusals == []

    def test_time_in_which_no_thread_accepts_does_not_count(
        self, monkeypatch: pytest.MonkeyPatch, refusals: list[str]
    ) -> None:
        late = 0.0
        clock = SimpleNamespace(monotonic=lambda: time.monotonic() + late)
        with Listener(authkey=KEY) as listener, connections.connect(listener.address) as stranger:
            monkeypatch.setattr(_pending_connections, "time", clock)
            with pytest.raises(TimeoutError):
                listener.accept(0)
            for _ in range(8):  # each jump of the clock counts as a second
                late += 1000.0
                with pytest.raises(TimeoutError):
                    listener.accept(0)
            assert refusals == []
            for _ in range(3):
                late += 1000.0
                with pytest.raises(TimeoutError):
                    listener.accept(0)
            assert len(refusals) == 1
            assert stranger.recv(1000)
            assert stranger.recv(1000) == b""

    def test_a_wrong_key_can_be_left_to_the_log(self, refusals: list[str], context: BaseContext) -> None:
        with Listener(backlog=3, authkey=KEY, on_wrong_key="log") as listener:
            processes = [
                context.Process(target=connections.dial_with_wrong_key, args=(listener.address, b"another"))
                for _ in range(2)
            ]
            for process in processes:
                process.start()
            while len(refusals) < 2:
                with pytest.raises(TimeoutError):
                    listener.accept(0.05)
            check_service(listener)
            for process in processes:
                process.join()
                assert process.exitcode == 0
        for process, text in zip(sorted(processes, key=lambda it: str(it.pid)), sorted(refusals), strict=True):
            assert f"process {process.pid} " in text
            assert text.endswith("digest received was wrong")

    def test_those_of_the_network_are_named_by_their_address(self, refusals: list[str]) -> None:
        listener = Listener(("localhost", 0), authkey=KEY, on_wrong_key="log")
        with listener, connections.connect(listener.address) as stranger:
            name = stranger.getsockname()
            stranger.sendall(frame(b"wrong"))
            check_service(listener)
        assert len(refusals) == 1
        assert refusals[0].startswith(f"listener at {listener.address!r} refused {name!r}: Protocol error, expected")

    @needs_forks
    def test_a_killed_one_is_forgotten(self, refusals: list[str]) -> None:
        with leaks.leaves_nothing(), Listener(authkey=KEY) as listener:
            pid = os.fork()
            if pid == 0:
                stranger = connections.connect(listener.address)
                stranger.sendall(b"\0\0")
                signal.pause()
            while not wait([listener], 50):
                pass
            with pytest.raises(TimeoutError):
                listener.accept(0.05)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            check_service(listener)
        assert len(refusals) == 1
        assert f"process {pid} " in refusals[0]

    def test_a_child_has_no_copy_of_a_stranger(self, context: BaseContext) -> None:
        with Listener(authkey=KEY, handshake_timeout=0.3) as listener:
            with connections.connect(listener.address) as stranger:
                with pytest.raises(TimeoutError):
                    listener.accept(0)
                ours, theirs = Pipe()
                process = context.Process(target=connections.echo, args=(theirs, ours))
                process.start()
                ours.send(1)
                assert ours.recv() == 1
                with pytest.raises(TimeoutError):
                    listener.accept(0.5)
                assert stranger.recv(1000)
                assert stranger.recv(1000) == b""
            ours.close()
            theirs.close()
            process.join()


class TestClient:
    @pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
    def test_it_survives(self, attack: bytes) -> None:
        with leaks.leaves_nothing(), socket.create_server(("localhost", 0)) as server:

            def attack_client() -> None:
                with server.accept()[0] as impostor, suppress(OSError):
                    impostor.sendall(attack)
                    impostor.shutdown(socket.SHUT_WR)
                    while impostor.recv(1000):
                        pass

            with dialling(attack_client) as raised, pytest.raises((AuthenticationError, EOFError, OSError)):
                Client(server.getsockname(), authkey=KEY)
            assert raised == []
