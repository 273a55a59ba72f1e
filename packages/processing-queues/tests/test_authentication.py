"""The challenge: against RFC 2104 by hand, and against ``multiprocessing`` in another process."""

from __future__ import annotations

import hmac
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

import processing_queues
from processing_core import AuthenticationError
from processing_queues import Client, Listener, Pipe, answer_challenge, deliver_challenge, families

KEY = b"a key"

NEEDS_3_12 = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="the multiprocessing of CPython 3.11 asks for MD5, which is refused"
)


def both(asks: Callable[[Any], object], answers: Callable[[Any], object]) -> list[str]:
    """What the asker and the answerer raise, if anything."""
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
    def test_of_one_who_knows(self, digest: str) -> None:
        assert both(lambda it: deliver_challenge(it, KEY, digest), lambda it: answer_challenge(it, KEY)) == ["", ""]

    def test_of_one_who_does_not(self) -> None:
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
        listener = Listener(family=family, authkey=key)
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

    def address(self) -> Any:
        assert self.process.stdout is not None
        return eval(self.process.stdout.readline())

    def end(self, tell: object = "") -> str:
        return self.process.communicate(f"{tell!r}\n")[0].strip()


def converse(connection: Any) -> None:
    for obj in ({"a": [1, 2.5]}, "text", b"x" * 1_000_000):
        connection.send(obj)
        assert connection.recv() == obj
    connection.send_bytes(b"bytes")
    assert connection.recv_bytes() == b"bytes"


@pytest.mark.parametrize("family", families)
@pytest.mark.parametrize("key", [b"", pytest.param(KEY, marks=NEEDS_3_12)], ids=["no key", "key"])
class TestWithMultiprocessing:
    def test_as_the_client(self, family: str, key: bytes) -> None:
        peer = Peer("client", family, key)
        assert peer.process.stdin is not None
        with Listener(family=family, authkey=key or None) as listener:
            peer.process.stdin.write(f"{listener.address!r}\n")
            peer.process.stdin.flush()
            with listener.accept() as connection:
                converse(connection)
        assert peer.end() == ""

    def test_as_the_listener(self, family: str, key: bytes) -> None:
        peer = Peer("listener", family, key)
        with Client(peer.address(), authkey=key or None) as connection:
            converse(connection)
        assert peer.end() == ""

    def test_with_another_key(self, family: str, key: bytes) -> None:
        if not key:
            pytest.skip("there is no key")
        peer = Peer("listener", family, key)
        with pytest.raises(AuthenticationError, match="digest sent was rejected"):
            Client(peer.address(), authkey=b"another")
        assert peer.end() == "digest received was wrong"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="from CPython 3.12 on multiprocessing speaks our protocol")
def test_an_older_multiprocessing_is_refused() -> None:
    peer = Peer("listener", "AF_UNIX", KEY)
    with pytest.raises(AuthenticationError, match="names no digest"):
        Client(peer.address(), authkey=KEY)
    peer.process.kill()
    peer.end()
