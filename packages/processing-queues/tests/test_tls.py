"""Connections over TLS: the same methods, and what TLS adds."""

from __future__ import annotations

import os
import pickle
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import pytest

from processing_core import AuthenticationError, BaseContext, BufferTooShort, NotPicklableError
from processing_queues import Client, Connection, Listener, wait
from processing_queues._platform import borrowed_stream, default_family, peeked, write
from processing_testing.children import connections
from processing_testing.children.connections import dialling
from processing_testing.harness import encryption, leaks
from processing_testing.harness.mechanisms import needs_alarms

KEY = b"a key"


@pytest.fixture(params=[None, KEY], ids=["no key", "key"])
def key(request: pytest.FixtureRequest) -> bytes | None:
    known: bytes | None = request.param
    return known


@contextmanager
def both(key: bytes | None = KEY, family: str = default_family) -> Iterator[tuple[Connection, Connection]]:
    """A client's end and a listener's end of a connection."""
    made: list[Connection] = []
    with Listener(family=family, authkey=key, ssl=encryption.server_context()) as listener:
        connect = partial(
            Client, listener.address, authkey=key, ssl=encryption.client_context(), server_hostname="localhost"
        )
        with dialling(lambda: made.append(connect())) as raised:
            accepted = listener.accept()
    assert raised == []
    with made[0] as connected, accepted:
        yield connected, accepted


class TestTalk:
    @pytest.mark.parametrize("family", [default_family, "AF_INET"])
    def test_objects_and_bytes_both_ways(self, family: str, key: bytes | None) -> None:
        with leaks.leaves_nothing(), both(key, family) as ends:
            assert {type(end).__name__ for end in ends} == {"Connection"}
            for one, other in (ends, ends[::-1]):
                for obj in ({"a": [1]}, "", b"x" * 20_000, None):
                    one.send(obj)
                    assert other.recv() == obj
                one.send_bytes(b"abcdef", 2, 3)
                assert other.recv_bytes() == b"cde"
                one.send_bytes(b"")
                assert other.recv_bytes(0) == b""

    def test_much_at_once_in_both_directions(self) -> None:
        much = os.urandom(3_000_000)
        with both() as (one, other):
            with dialling(one.send_bytes, much) as raised, dialling(other.send_bytes, much[::-1]) as also:
                assert other.recv_bytes() == much
                assert one.recv_bytes() == much[::-1]
            assert raised == also == []

    def test_into_a_buffer(self) -> None:
        with both() as (one, other):
            room = bytearray(5)
            one.send_bytes(b"abc")
            assert other.recv_bytes_into(room, 1) == 3
            assert room == b"\0abc\0"
            one.send_bytes(b"abcdef")
            with pytest.raises(BufferTooShort):
                other.recv_bytes_into(room)

    def test_the_end(self, key: bytes | None) -> None:
        with both(key) as (one, other):
            one.send("last")
            one.close()
            assert other.poll() and other.recv() == "last"
            assert other.poll(50)
            with pytest.raises(EOFError):
                other.recv()
            with pytest.raises(OSError, match="closed"):
                one.send(1)

    def test_an_end_in_the_middle(self) -> None:
        with both() as (one, other):
            write(one.fileno(), [b"\x17\x03\x03\0\xff half", b""])
            one.close()
            with pytest.raises(EOFError):
                other.recv()

    def test_what_was_changed_on_the_way_is_refused(self) -> None:
        with both() as (one, other):
            write(one.fileno(), [b"\x17\x03\x03\0\x20" + bytes(32), b""])
            assert other.poll(50) and wait([other], 50) == [other]
            for _ in range(2):
                with pytest.raises(ssl.SSLError):
                    other.recv()

    def test_it_stays_where_it_is(self, context: BaseContext) -> None:
        with both() as (one, _), pytest.raises(NotPicklableError, match="stays in the process"):
            pickle.dumps(one)

    def test_what_travels_is_not_readable(self) -> None:
        with both() as (one, other), borrowed_stream(other.fileno()) as stream:
            one.send_bytes(b"secret" * 10)
            seen = peeked(stream, 1000)
            assert len(seen) > 60 and b"secret" not in seen


class TestWaiting:
    def test_nothing_is_there_until_something_is(self, key: bytes | None) -> None:
        # Without a key, the client has not read the tickets that the server sent first: they are nothing to receive.
        with both(key) as ends:
            for end in ends:
                assert not end.poll()
                assert not end.poll(0.01)
            assert wait(ends, 0.01) == []
            for one, other in (ends, ends[::-1]):
                one.send(1)
                assert wait(list(ends), 50) == [other]
                assert other.poll() and other.poll(None)
                assert other.recv() == 1
                assert wait([other], 0) == []

    def test_several_messages_in_one_record(self) -> None:
        with both() as (one, other):
            with other._tls._lock:  # type: ignore[attr-defined]
                messages = b"".join(connections.frame(bytes([number])) for number in range(3))
                one._tls._engine.write(messages)  # type: ignore[attr-defined]
                one._tls.flush(one.fileno())  # type: ignore[attr-defined]
            for number in range(3):
                assert wait([other], 50) == [other]
                assert other.poll()
                assert other.recv_bytes() == bytes([number])
            assert wait([other], 0) == []

    def test_half_a_record_is_nothing_yet(self) -> None:
        with both() as (one, other):
            one._tls._engine.write(connections.frame(b"abc"))  # type: ignore[attr-defined]
            sealed = one._tls._outgoing.read()  # type: ignore[attr-defined]
            write(one.fileno(), [sealed[:9], b""])
            assert wait([other], 0.05) == []
            assert not other.poll(0.05)
            write(one.fileno(), [sealed[9:], b""])
            assert wait([other], 50) == [other]
            assert other.recv_bytes() == b"abc"

    @needs_alarms
    def test_a_signal_handler_interrupts_and_nothing_is_lost(self) -> None:
        class Stop(Exception):
            pass

        def stop(*_: object) -> None:
            raise Stop

        before = signal.signal(signal.SIGALRM, stop)
        try:
            with both() as (one, other):
                signal.setitimer(signal.ITIMER_REAL, 0.05)
                with pytest.raises(Stop):
                    other.recv()
                much = os.urandom(3_000_000)
                signal.setitimer(signal.ITIMER_REAL, 0.2)
                with pytest.raises(Stop):
                    one.send_bytes(much)  # more than the system buffers
                with dialling(one.send_bytes, b"next") as raised:
                    assert other.recv_bytes() == much
                    assert other.recv_bytes() == b"next"
                assert raised == []
        finally:
            signal.signal(signal.SIGALRM, before)


class TestCertificates:
    def refused(self, reason: str | tuple[str, ...], server: ssl.SSLContext, **options: Any) -> list[BaseException]:
        """The error that the client raises, for one of the reasons."""
        reasons = (reason,) if isinstance(reason, str) else reason
        with leaks.leaves_nothing(), Listener(("localhost", 0), authkey=KEY, ssl=server) as listener:
            connect = partial(Client, listener.address, authkey=KEY, **options)
            with dialling(connect) as raised, pytest.raises(TimeoutError):
                listener.accept(0.5)
            (error,) = raised
            assert isinstance(error, (OSError, EOFError)) and any(known in str(error) for known in reasons)
            assert repr(listener.address) in "".join([str(error), *getattr(error, "__notes__", [])])
            # The next one is accepted.
            shown = encryption.client_context(shows="known")
            with dialling(partial(Client, listener.address, authkey=KEY, ssl=shown)) as raised:
                listener.accept().close()
            assert raised == []
            return raised

    def test_of_a_listener_that_is_not_trusted(self) -> None:
        context = encryption.client_context(trusts="stranger")
        self.refused("CERTIFICATE_VERIFY_FAILED", encryption.server_context(), ssl=context)

    def test_of_another_host(self) -> None:
        context = encryption.client_context()
        self.refused("Hostname mismatch", encryption.server_context(), ssl=context, server_hostname="example.org")

    def test_of_a_client_that_shows_none(self) -> None:
        server = encryption.server_context(asks_for="known")
        self.refused("CERTIFICATE_REQUIRED", server, ssl=encryption.client_context())

    def test_of_a_client_that_is_not_trusted(self) -> None:
        server = encryption.server_context(asks_for="known")
        self.refused("ALERT", server, ssl=encryption.client_context(shows="stranger"))

    def test_a_client_without_tls(self) -> None:
        # Which of the two, the system says: whether the listener's hanging up or its unread bytes come first.
        gone = ("the other end is gone", "the connection ended before")
        self.refused(gone, encryption.server_context(), timeout=30)

    def test_a_wrong_key_is_refused_within(self) -> None:
        with Listener(("localhost", 0), authkey=KEY, ssl=encryption.server_context()) as listener:
            connect = partial(Client, listener.address, authkey=b"another", ssl=encryption.client_context())
            with dialling(connect) as raised, pytest.raises(AuthenticationError, match="received was wrong"):
                listener.accept()
            assert isinstance(raised[0], AuthenticationError)

    def test_a_listener_without_tls(self) -> None:
        with Listener(("localhost", 0), authkey=KEY) as listener:
            connect = partial(Client, listener.address, authkey=KEY, ssl=encryption.client_context())
            with dialling(connect) as raised, suppress(TimeoutError):
                listener.accept(0.3)
            assert "does not speak TLS" in str(raised[0])


class TestMisuse:
    def test_contexts_of_the_other_side(self) -> None:
        with leaks.leaves_nothing():
            with pytest.raises(ssl.SSLError):
                Listener(ssl=encryption.client_context())
            with Listener(ssl=encryption.server_context()) as listener, pytest.raises(ssl.SSLError):
                Client(listener.address, ssl=encryption.server_context())

    @pytest.mark.parametrize("make", [Listener, partial(Client, ("localhost", 1))])
    def test_no_context(self, make: Any) -> None:
        with pytest.raises(TypeError, match="must be an ssl.SSLContext"):
            make(ssl=True)

    def test_a_client_without_a_server_name(self) -> None:
        listener = Listener(ssl=encryption.server_context())
        with listener, leaks.leaves_nothing(), pytest.raises(ValueError, match="server_hostname"):
            Client(listener.address, ssl=encryption.client_context())


class TestStrangers:
    @pytest.mark.parametrize(
        "attack",
        [b"", b"\x16", b"\x16\x03\x01\x48\0", b"\x16\x03\x01\xff\xff" + bytes(70_000), b"GET / HTTP/1.0\r\n\r\n"],
        ids=["silence", "a byte", "an announcement", "too much", "something else"],
    )
    def test_none_delays_another_client(self, attack: bytes) -> None:
        listener = Listener(("localhost", 0), backlog=3, authkey=KEY, ssl=encryption.server_context())
        with leaks.leaves_nothing(), listener, connections.connect(listener.address) as stranger:
            with suppress(ConnectionError):
                stranger.sendall(attack)
            for _ in range(2):
                connect = partial(Client, listener.address, authkey=KEY, ssl=encryption.client_context())
                with dialling(connect) as raised:
                    listener.accept(50).close()
                assert raised == []

    def test_a_client_that_sends_only_a_size_is_refused_in_time(self) -> None:
        listener = Listener(("localhost", 0), authkey=KEY, handshake_timeout=0.1, ssl=encryption.server_context())
        with listener, connections.connect(listener.address) as stranger:
            stranger.sendall(b"\x16\x03\x01\x40\0")
            with pytest.raises(TimeoutError):
                listener.accept(0.4)
            with suppress(ConnectionResetError):
                assert stranger.recv(100) == b""


def test_ssl_is_imported_only_where_it_is_used() -> None:
    program = (
        "import sys, processing_queues as q\n"
        "with q.Listener(authkey=b'k') as listener:\n"
        "    try: listener.accept(0)\n"
        "    except TimeoutError: pass\n"
        "print('ssl' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
