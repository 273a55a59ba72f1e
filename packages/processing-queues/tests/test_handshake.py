"""The handshake of this project: a process without the key learns nothing, and cannot make another answer for it."""

from __future__ import annotations

import hmac
import os
import pickle
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import pytest

import processing_core
from processing_core import AuthenticationError, TimeoutError
from processing_queues import Client, Connection, Listener
from processing_queues._authentication import Exchange
from processing_queues._handshake import mutual
from processing_queues._platform import get_blocking
from processing_testing.children import connections
from processing_testing.children import functions as children
from processing_testing.children.connections import dialling
from processing_testing.harness import encryption
from processing_testing.harness.mechanisms import needs_unix_sockets

KEY = b"a key"
NEEDS_IPV6 = pytest.mark.skipif(not connections.has_ipv6(), reason="this machine has no IPv6")


class Code:
    """An object that must never be unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("import sys; sys.was_let_in = True",)


class Victim:
    """A client that connects to a process without the key, and would unpickle its messages if it trusted it."""

    def __init__(self, address: Any) -> None:
        self.raised: list[BaseException] = []
        self._thread = threading.Thread(target=self._dial, args=(address,))
        self._thread.start()

    def _dial(self, address: Any) -> None:
        try:
            with Client(address, authkey=KEY, timeout=20) as connection:
                connection.recv()
        except Exception as error:
            self.raised.append(error)

    def end(self) -> BaseException:
        self._thread.join()
        (error,) = self.raised
        return error


def hello(role: bytes, nonce: bytes) -> bytes:
    return b"#PROCESSING1#" + role + b"#" + nonce


def proof(role: bytes, of_client: bytes, of_listener: bytes, key: bytes = KEY) -> bytes:
    return hmac.new(key, b"#PROCESSING1#" + role + b"#" + of_client + of_listener, "sha256").digest()


@pytest.fixture
def rogue() -> Any:
    """The listening socket of a process that does not know the key."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def accepted(listening: socket.socket) -> Connection:
    return Connection(listening.accept()[0].detach())


class TestRogueListener:
    """Two clients connect to it, as the proxies of a manager do, one for each thread."""

    @pytest.mark.parametrize("swapped", ["hellos", "proofs", "own hello", "own proof"])
    def test_cannot_make_one_client_answer_for_the_other(self, rogue: socket.socket, swapped: str) -> None:
        victims = [Victim(rogue.getsockname()) for _ in range(2)]
        with accepted(rogue) as first, accepted(rogue) as second, suppress(EOFError, OSError):
            hellos = first.recv_bytes(), second.recv_bytes()
            nonces = [one.removeprefix(b"#PROCESSING1#client#") for one in hellos]
            if swapped == "own hello":  # each client gets its own hello back
                first.send_bytes(hellos[0])
                second.send_bytes(hellos[1])
            else:
                first.send_bytes(hello(b"listener", nonces[1]))
                second.send_bytes(hello(b"listener", nonces[0]))
            proofs = first.recv_bytes(), second.recv_bytes()
            if swapped == "proofs":
                proofs = proofs[::-1]
            first.send_bytes(proofs[0] if swapped == "own proof" else proofs[1])
            second.send_bytes(proofs[1] if swapped == "own proof" else proofs[0])
            for connection in (first, second):
                connection.send_bytes(pickle.dumps(Code()))
        assert all(isinstance(victim.end(), AuthenticationError) for victim in victims)
        assert not hasattr(sys, "was_let_in")

    @pytest.mark.parametrize("size", [0, 31, 33, 200])
    def test_nonces_have_one_size(self, rogue: socket.socket, size: int) -> None:
        victim = Victim(rogue.getsockname())
        with accepted(rogue) as connection:
            connection.send_bytes(hello(b"listener", bytes(size)))
            assert isinstance(victim.end(), AuthenticationError)
            connection.recv_bytes()
            with pytest.raises((EOFError, OSError)):
                connection.recv_bytes()  # the client has sent no proof

    def test_cannot_choose_the_older_protocol(self, rogue: socket.socket) -> None:
        victim = Victim(rogue.getsockname())
        with accepted(rogue) as connection:
            connection.send_bytes(b"#CHALLENGE#{sha256}" + os.urandom(40))
            assert "protocol='multiprocessing' selects" in str(victim.end())

    def test_cannot_use_a_client_to_get_into_a_listener_later(self, rogue: socket.socket) -> None:
        """A proof of one connection is worth nothing on another."""
        victim = Victim(rogue.getsockname())
        nonce = os.urandom(32)
        with accepted(rogue) as connection:
            first_hello = connection.recv_bytes()
            connection.send_bytes(hello(b"listener", nonce))
            learned = connection.recv_bytes()
        assert isinstance(victim.end(), EOFError)
        with Listener(authkey=KEY) as listener, Connection(connections.connect(listener.address).detach()) as stranger:
            stranger.send_bytes(first_hello)
            stranger.send_bytes(learned)
            with pytest.raises(AuthenticationError, match="digest received was wrong"):
                listener.accept(20)


class TestRelay:
    """A process between two that know the key passes on what each sends."""

    def test_under_tls_it_gets_nothing(self) -> None:
        """This holds even if the client trusts the relay's certificate, as the relay has two different TLS sessions."""
        refusals: list[str] = []

        def accept() -> None:
            try:
                listener.accept(20)
            except AuthenticationError as error:
                refusals.append(str(error))

        with (
            Listener(("localhost", 0), authkey=KEY, ssl=encryption.server_context()) as listener,
            socket.create_server(("localhost", 0)) as relay,
            dialling(pass_on, relay, listener.address),
            dialling(accept),
            pytest.raises(AuthenticationError, match="digest sent was rejected"),
        ):
            Client(relay.getsockname(), authkey=KEY, timeout=20, ssl=encryption.client_context())
        assert "digest received was wrong" in refusals[0]


def pass_on(relay: socket.socket, address: Any) -> None:
    """Accept one client with TLS, connect to the listener with TLS, and pass on what either sends."""
    client, _ = relay.accept()
    with (
        encryption.server_context().wrap_socket(client, server_side=True) as one,
        encryption.client_context().wrap_socket(
            socket.create_connection(address), server_hostname="localhost"
        ) as other,
    ):
        back = threading.Thread(target=copy, args=(other, one))
        back.start()
        copy(one, other)
        back.join()


def copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while some := source.recv(1000):
            target.sendall(some)
        target.shutdown(socket.SHUT_WR)


class TestStrangers:
    """Processes that connect to a listener without the key."""

    @pytest.mark.parametrize(
        "messages",
        [
            [hello(b"listener", bytes(32)), bytes(32)],
            [hello(b"client", bytes(31)), bytes(32)],
            [hello(b"client", bytes(32)), bytes(31)],
            [hello(b"client", bytes(32)), b""],
            [hello(b"client", bytes(32)), hello(b"client", bytes(32))],
            [b"#PROCESSING2#client#" + bytes(32), bytes(32)],
            [hello(b"client", bytes(32)), bytes(257)],
        ],
    )
    def test_wrong_messages(self, messages: list[bytes]) -> None:
        with Listener(authkey=KEY, on_wrong_key="log") as listener:
            with Connection(connections.connect(listener.address).detach()) as stranger:
                for message in messages:
                    stranger.send_bytes(message)
                with pytest.raises(TimeoutError):
                    listener.accept(0.2)
                said = []
                with suppress(EOFError, OSError):
                    while True:
                        said.append(stranger.recv_bytes())
            assert len(said[0]) == len(hello(b"listener", bytes(32)))
            assert said[1:] in ([], [b"#FAILURE#"])

    def test_learns_no_proof_of_the_listener(self) -> None:
        with (
            Listener(authkey=KEY, on_wrong_key="log") as listener,
            Connection(connections.connect(listener.address).detach()) as stranger,
        ):
            nonce = os.urandom(32)
            stranger.send_bytes(hello(b"client", nonce))
            stranger.send_bytes(proof(b"client", nonce, bytes(32)))  # the proof is for another nonce
            with pytest.raises(TimeoutError):
                listener.accept(0.2)
            stranger.recv_bytes()
            assert stranger.recv_bytes() == b"#FAILURE#"

    def test_what_is_on_the_wire(self) -> None:
        """The handshake by hand, as a client with the key makes it."""
        with (
            Listener(authkey=KEY) as listener,
            dialling(lambda: listener.accept(20).close()) as raised,
            Connection(connections.connect(listener.address).detach()) as friend,
        ):
            nonce = os.urandom(32)
            friend.send_bytes(hello(b"client", nonce))
            theirs = friend.recv_bytes().removeprefix(b"#PROCESSING1#listener#")
            friend.send_bytes(proof(b"client", nonce, theirs))
            assert friend.recv_bytes() == proof(b"listener", nonce, theirs)
        assert raised == []

    def test_nonces_differ(self) -> None:
        assert len({next(mutual(KEY, listens=listens)) for listens in (True, False) for _ in range(100)}) == 200


class TestKeyOnOneSide:
    """The side without a key gets an error with the reason, and does not wait in vain."""

    @pytest.mark.parametrize("first", ["recv", "send", "recv_bytes"])
    def test_a_client_without(self, first: str) -> None:
        def connect() -> None:
            connection = Client(listener.address)
            if first == "send":
                connection.poll(20)
                connection.send(1)
            getattr(connection, first)()

        with (
            Listener(authkey=KEY, on_wrong_key="log") as listener,
            dialling(lambda: suppressed(lambda: listener.accept(20))),
        ):
            with pytest.raises(AuthenticationError, match="given no authkey"):
                connect()
            listener.close()

    def test_a_client_without_is_refused_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A listener that is in `accept` refuses it, within a moment that is longer here, for a busy machine."""
        monkeypatch.setattr("processing_queues._keyless._MOMENT", 20)
        with Listener(authkey=KEY, on_wrong_key="log") as listener:
            server = threading.Thread(target=suppressed, args=(lambda: listener.accept(50),))
            server.start()
            for _ in range(20):
                with pytest.raises(AuthenticationError, match="given no authkey"):
                    Client(listener.address)
            listener.close()
            server.join()

    def test_an_address_of_a_listener_that_wanted_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A later listener at the same address, as of a port or a descriptor that is free again, has a key."""
        with Listener(("localhost", 0)) as earlier:
            address = earlier.address
            with Client(address) as client, earlier.accept(20) as connection:
                connection.send("word")
                client.recv()
        monkeypatch.setattr("processing_queues._keyless._MOMENT", 20)
        with Listener(address, authkey=KEY, on_wrong_key="log") as listener:
            server = threading.Thread(target=suppressed, args=(lambda: listener.accept(50),))
            server.start()
            with pytest.raises(AuthenticationError, match="given no authkey"):
                Client(address)
            listener.close()
            server.join()

    def test_a_listener_that_wants_none_is_not_waited_for_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        waits: list[float | None] = []

        def waited(fd: int, timeout: float | None) -> bool:
            waits.append(timeout)
            return False

        with Listener() as listener:
            with Client(listener.address) as client, listener.accept(20) as connection:
                connection.send("word")
                client.recv()
            monkeypatch.setattr("processing_queues._keyless.readable", waited)
            Client(listener.address).close()
            assert waits == []
            with Listener(("localhost", 0)) as other:
                Client(other.address).close()
                assert waits == [0.05]
                Client(other.address, protocol="multiprocessing").close()
                assert waits == [0.05]

    @pytest.mark.parametrize("waits", [False, True])
    def test_a_listener_without(self, waits: bool) -> None:
        with Listener() as listener:
            refused: list[str] = []

            def serve() -> None:
                try:
                    with listener.accept(20) as connection:
                        if waits:
                            connection.poll(20)
                        connection.recv()
                except AuthenticationError as error:
                    refused.append(str(error))

            server = threading.Thread(target=serve)
            server.start()
            with pytest.raises(AuthenticationError, match="the listener was given no authkey"):
                Client(listener.address, authkey=KEY, timeout=20)
            server.join()
            assert "given no authkey" in refused[0]

    def test_a_listener_without_that_speaks_first(self) -> None:
        def greet() -> None:
            with suppress(AuthenticationError), listener.accept(20) as connection:
                connection.poll(20)
                connection.send("welcome")

        with (
            Listener() as listener,
            dialling(greet) as raised,
            pytest.raises(AuthenticationError, match="the listener was given no authkey"),
        ):
            Client(listener.address, authkey=KEY, timeout=20)
        assert raised == []

    def test_the_listener_gets_the_reason(self) -> None:
        def connect() -> None:
            with suppress(AuthenticationError):
                Client(listener.address).recv()

        with (
            Listener(authkey=KEY) as listener,
            dialling(connect) as raised,
            pytest.raises(AuthenticationError, match="the client was given no authkey"),
        ):
            listener.accept(20)
        assert raised == []

    @pytest.mark.parametrize(
        ("of_client", "of_listener", "says"),
        [
            (None, KEY, "the listener wants to authenticate: this client was given no authkey"),
            (KEY, None, "the listener was given no authkey"),
        ],
    )
    def test_under_tls_at_once(self, of_client: bytes | None, of_listener: bytes | None, says: str) -> None:
        address = ("localhost", 0)
        with Listener(address, authkey=of_listener, on_wrong_key="log", ssl=encryption.server_context()) as listener:
            server = threading.Thread(target=suppressed, args=(lambda: listener.accept(20),))
            server.start()
            with pytest.raises(AuthenticationError, match=says):
                Client(listener.address, authkey=of_client, timeout=20, ssl=encryption.client_context())
            listener.close()
            server.join()

    def test_sockets_have_a_default_timeout(self) -> None:
        """It does not apply to our sockets: no wait uses it, and no descriptor becomes non-blocking."""
        socket.setdefaulttimeout(3600)
        try:
            with Listener() as listener, Client(listener.address) as client, listener.accept(20) as connection:
                client.send("first")
                assert connection.recv() == "first"
                assert get_blocking(client.fileno()) and get_blocking(connection.fileno())
        finally:
            socket.setdefaulttimeout(None)

    def test_a_connection_that_was_sent_on(self, method: str) -> None:
        """It may not know yet whether the other side has a key, and then does not know it in another process either."""
        with Listener() as listener, Client(listener.address) as client, listener.accept(20) as connection:
            for ends in (client, connection):
                assert type(ends).__name__ == "Connection"
            process = processing_core.get_context(method).Process(target=children.send_and_close, args=(client, "sent"))
            process.start()
            assert connection.recv() == "sent"
            process.join()

    def test_neither(self) -> None:
        """As in multiprocessing, the connection is good before it is accepted."""
        with Listener() as listener, Client(listener.address) as client:
            client.send("first")
            with listener.accept() as connection:
                assert connection.recv() == "first"
                connection.send_bytes(b"answer")
                assert client.recv_bytes(6) == b"answer"


def suppressed(function: Callable[[], object]) -> None:
    with suppress(OSError, AuthenticationError):
        function()


@pytest.mark.parametrize(
    "family",
    [pytest.param("AF_UNIX", marks=needs_unix_sockets), "AF_INET", pytest.param("AF_INET6", marks=NEEDS_IPV6)],
)
@pytest.mark.parametrize("key", [KEY, None])
def test_sixty_four_at_once(family: str, key: bytes | None) -> None:
    """They connect while no thread accepts, within the default backlog."""
    with Listener(family=family, authkey=key) as listener, ExitStack() as stack:
        streams = [stack.enter_context(connections.connect(listener.address)) for _ in range(64)]
        exchanges = []
        for stream in streams:
            connection = stack.enter_context(Connection(stream.dup().detach()))
            if key is not None:
                exchange = Exchange(mutual(key, listens=False))
                exchanges.append((exchange, connection))
        threads = [threading.Thread(target=exchange.advance, args=(connection,)) for exchange, connection in exchanges]
        for thread in threads:
            thread.start()
        for _ in streams:
            listener.accept(20).close()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("key", [bytearray(b"secret"), memoryview(b"secret"), ["secret"]])
def test_no_message_shows_a_key(key: object) -> None:
    for make in (Listener, lambda **options: Client(("127.0.0.1", 1), **options)):
        with pytest.raises(TypeError, match=f"byte string, not {type(key).__name__}$"):
            make(authkey=key)


def test_protocols_are_checked() -> None:
    for make in (Listener, lambda **options: Client(("127.0.0.1", 1), **options)):
        with pytest.raises(ValueError, match="protocol must be 'processing' or 'multiprocessing', not 'other'"):
            make(protocol="other")
        with pytest.raises(ValueError, match="allow_md5 is for protocol='multiprocessing'"):
            make(allow_md5=True)
