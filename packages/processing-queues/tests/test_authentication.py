"""The challenge: against RFC 2104 by hand, and against ``multiprocessing`` in another process."""

from __future__ import annotations

import hmac
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import processing_queues
from processing_core import AuthenticationError
from processing_queues import Client, Connection, Listener, Pipe, answer_challenge, deliver_challenge, families
from processing_testing.children import connections
from processing_testing.children.connections import dialling

KEY = b"a key"

NEEDS_3_12 = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="the multiprocessing of CPython 3.11 asks for MD5, which is refused"
)

NEEDS_IPV6 = pytest.mark.skipif(not connections.has_ipv6(), reason="this machine has no IPv6")
SPOKEN = [name for name in families if name != "AF_PIPE"]
"""The families by which ``multiprocessing``'s messages have the form of ours."""
FAMILIES = [pytest.param(name, marks=NEEDS_IPV6 if name == "AF_INET6" else ()) for name in SPOKEN]
LOCAL = "AF_UNIX" if "AF_UNIX" in families else "AF_INET"


def both(asks: Callable[[Any], object], answers: Callable[[Any], object]) -> list[str]:
    """The errors of the two sides, if there are any."""
    ours, theirs = Pipe()
    raised = ["", ""]

    def run(number: int, function: Callable[[Any], object], end: Any) -> None:
        with end:
            try:
                function(end)
            except (AuthenticationError, EOFError, OSError) as error:
                raised[number] = f"{type(error).__name__}: {error}"

    threads = [threading.Thread(target=run, args=args) for args in ((0, asks, ours), (1, answers, theirs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


class TestChallenge:
    @pytest.mark.parametrize("digest", ["sha256", "sha384", "sha3_256", "sha3_384"])
    def test_with_the_right_key(self, digest: str) -> None:
        assert both(lambda it: deliver_challenge(it, KEY, digest), lambda it: answer_challenge(it, KEY)) == ["", ""]

    def test_with_a_wrong_key(self) -> None:
        raised = both(lambda it: deliver_challenge(it, KEY), lambda it: answer_challenge(it, b"another"))
        assert raised == [
            "AuthenticationError: digest received was wrong",
            "AuthenticationError: digest sent was rejected",
        ]

    def test_text_is_utf_8(self) -> None:
        assert both(lambda it: deliver_challenge(it, "é"), lambda it: answer_challenge(it, "é".encode())) == ["", ""]

    def test_what_is_on_the_wire(self) -> None:
        ours, theirs = Pipe()
        thread = threading.Thread(target=deliver_challenge, args=(ours, KEY))
        thread.start()
        challenge = theirs.recv_bytes().removeprefix(b"#CHALLENGE#")
        assert challenge.startswith(b"{sha256}") and len(challenge) == len(b"{sha256}") + 40
        theirs.send_bytes(b"{sha256}" + hmac.new(KEY, challenge, "sha256").digest())
        assert theirs.recv_bytes() == b"#WELCOME#"
        thread.join()

    def test_no_two_are_alike(self) -> None:
        challenges = set()
        for _ in range(20):
            ours, theirs = Pipe()
            theirs.send_bytes(b"no")
            with pytest.raises(AuthenticationError):
                deliver_challenge(ours, KEY)
            challenges.add(theirs.recv_bytes())
        assert len(challenges) == 20

    @pytest.mark.parametrize(
        "challenge",
        [
            b"",
            b"something else",
            b"#CHALLENGE#",
            b"#CHALLENGE#" + bytes(40),
            b"#CHALLENGE#{md5}" + bytes(40),
            b"#CHALLENGE#{sha256}" + bytes(19),
            b"#CHALLENGE#{\xff}" + bytes(40),
            b"#CHALLENGE#{sha1}" + bytes(40),
        ],
    )
    def test_what_is_not_answered(self, challenge: bytes) -> None:
        ours, theirs = Pipe()
        theirs.send_bytes(challenge)
        with pytest.raises(AuthenticationError):
            answer_challenge(ours, KEY)
        assert not theirs.poll()

    @pytest.mark.parametrize("use", [deliver_challenge, answer_challenge])
    def test_wrong_keys(self, use: Callable[[Any, Any], object]) -> None:
        ours, _theirs = Pipe()
        with pytest.raises(ValueError, match="Authkey must be bytes"):
            use(ours, 12)

    def test_wrong_digests(self) -> None:
        ours, theirs = Pipe()
        with pytest.raises(ValueError, match="'md5' is none of"):
            deliver_challenge(ours, KEY, "md5")
        assert not theirs.poll()

    def test_the_names_of_0_52(self) -> None:
        assert processing_queues.deliverChallenge is deliver_challenge
        assert processing_queues.answerChallenge is answer_challenge

    def test_the_error_survives_pickling(self) -> None:
        assert str(pickle.loads(pickle.dumps(AuthenticationError("digest")))) == "digest"


PEER = """
import sys
from multiprocessing.connection import Client, Listener
from multiprocessing import AuthenticationError

_, role, family, key = sys.argv
key = key.encode() or None
try:
    if role == "client":
        connection = Client(eval(sys.stdin.readline()), authkey=key)
    else:
        listener = Listener(("::1", 0) if family == "AF_INET6" else None, family, authkey=key)
        print(repr(listener.address), flush=True)
        connection = listener.accept()
    with connection:
        for _ in range(3):
            connection.send(connection.recv())
        connection.send_bytes(connection.recv_bytes())
except AuthenticationError as error:
    print(error)
"""


class Peer:
    """A program that uses ``multiprocessing``'s `Listener` or `Client`."""

    def __init__(self, role: str, family: str, key: bytes) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PEER, role, family, key.decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def send_address(self, address: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{address!r}\n")
        self.process.stdin.flush()

    def address(self) -> Any:
        assert self.process.stdout is not None
        return eval(self.process.stdout.readline())

    def end(self) -> str:
        return self.process.communicate()[0].strip()


def converse(connection: Any) -> None:
    for obj in ({"a": [1, 2.5]}, "text", b"x" * 1_000_000):
        connection.send(obj)
        assert connection.recv() == obj
    connection.send_bytes(b"bytes")
    assert connection.recv_bytes() == b"bytes"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("key", [b"", pytest.param(KEY, marks=NEEDS_3_12)], ids=["no key", "key"])
class TestWithMultiprocessing:
    def test_as_the_client(self, family: str, key: bytes) -> None:
        if family == "AF_INET6":
            pytest.skip("multiprocessing's `Client` knows no IPv6")
        peer = Peer("client", family, key)
        with Listener(family=family, authkey=key or None, protocol="multiprocessing") as listener:
            peer.send_address(listener.address)
            with listener.accept() as connection:
                converse(connection)
        assert peer.end() == ""

    def test_as_the_listener(self, family: str, key: bytes) -> None:
        peer = Peer("listener", family, key)
        with Client(peer.address(), authkey=key or None, protocol="multiprocessing") as connection:
            converse(connection)
        assert peer.end() == ""

    def test_with_another_key(self, family: str, key: bytes) -> None:
        if not key:
            pytest.skip("there is no key")
        peer = Peer("listener", family, key)
        with pytest.raises(AuthenticationError, match="digest sent was rejected"):
            Client(peer.address(), authkey=b"another", protocol="multiprocessing")
        assert peer.end() == "digest received was wrong"


@pytest.mark.skipif("AF_PIPE" not in families, reason="this system has no named pipes")
def test_pipes_are_refused() -> None:
    with pytest.raises(ValueError, match="not for AF_PIPE.*use AF_INET"):
        Listener(authkey=KEY, protocol="multiprocessing")
    with pytest.raises(ValueError, match="not for AF_PIPE.*use AF_INET"):
        Client(r"\\.\pipe\name", authkey=KEY, protocol="multiprocessing")


OLD = pytest.mark.skipif(sys.version_info >= (3, 12), reason="from CPython 3.12 on multiprocessing speaks our protocol")


@OLD
class TestWithAnOlderMultiprocessing:
    """CPython 3.11's module knows only MD5."""

    def test_it_is_refused_as_a_listener(self) -> None:
        peer = Peer("listener", LOCAL, KEY)
        with pytest.raises(AuthenticationError, match="which `allow_md5` would allow"):
            Client(peer.address(), authkey=KEY, protocol="multiprocessing")
        peer.process.kill()
        peer.end()

    def test_it_is_refused_as_a_client(self) -> None:
        peer = Peer("client", LOCAL, KEY)
        with Listener(None, LOCAL, authkey=KEY, protocol="multiprocessing") as listener:
            peer.send_address(listener.address)
            with pytest.raises(AuthenticationError, match="which `allow_md5` would allow"):
                listener.accept()
        assert peer.end() == "digest sent was rejected"

    def test_it_can_be_allowed_as_a_listener(self) -> None:
        peer = Peer("listener", LOCAL, KEY)
        with Client(peer.address(), authkey=KEY, protocol="multiprocessing", allow_md5=True) as connection:
            converse(connection)
        assert peer.end() == ""

    def test_it_can_be_allowed_as_a_client(self) -> None:
        peer = Peer("client", LOCAL, KEY)
        with Listener(None, LOCAL, authkey=KEY, protocol="multiprocessing", allow_md5=True) as listener:
            peer.send_address(listener.address)
            with listener.accept() as connection:
                converse(connection)
        assert peer.end() == ""


class TestMD5:
    """The protocol of Python 3.11, written by hand."""

    def test_an_answer_to_our_challenge(self) -> None:
        with (
            Listener(None, LOCAL, authkey=KEY, protocol="multiprocessing", allow_md5=True) as listener,
            dialling(listener.accept) as raised,
            Connection(connections.connect(listener.address).detach()) as old,
        ):
            message = old.recv_bytes().removeprefix(b"#CHALLENGE#")
            old.send_bytes(hmac.digest(KEY, message, "md5"))
            assert old.recv_bytes() == b"#WELCOME#"
            question = os.urandom(20)
            old.send_bytes(b"#CHALLENGE#" + question)
            assert old.recv_bytes() == hmac.digest(KEY, question, "md5")
            old.send_bytes(b"#WELCOME#")
        assert raised == []

    @pytest.mark.parametrize("answer", [bytes(16), b"", b"{md5}" + bytes(16)])
    def test_a_wrong_answer(self, answer: bytes) -> None:
        listener = Listener(None, LOCAL, authkey=KEY, protocol="multiprocessing", allow_md5=True)
        with listener, Connection(connections.connect(listener.address).detach()) as old:
            old.send_bytes(answer)
            with pytest.raises(AuthenticationError, match="digest received was wrong"):
                listener.accept()

    def test_both_of_us_use_sha256_even_if_it_is_allowed(self) -> None:
        listener = Listener(None, LOCAL, authkey=KEY, protocol="multiprocessing", allow_md5=True)
        with listener, dialling(partial(Client, listener.address, authkey=KEY, protocol="multiprocessing")) as raised:
            listener.accept().close()
        assert raised == []
