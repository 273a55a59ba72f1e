"""``multiprocessing``'s handshake: HMAC (RFC 2104) over a challenge.

It is used only where the program says so: a process that makes both sides ask it can let one answer for the other,
which :mod:`processing_queues._handshake` rules out.  As ``multiprocessing.connection`` of Python 3.12 and later::

    asker ──── "#CHALLENGE#" "{sha256}" 40 random bytes ────────────────────▶ answerer
    asker ◀─── "{sha256}" HMAC(key, all after "#CHALLENGE#") ──────────────── answerer
    asker ──── "#WELCOME#" or "#FAILURE#" ──────────────────────────────────▶ answerer

The listener sends a challenge first, then the client does. A side that receives no valid answer ends the connection,
and neither side reads more than 256 bytes at a time, or unpickles anything, before that.

Python 3.11 knows MD5 alone: its challenge is 20 random bytes without the name of a digest, and it answers any challenge
with the 16 bytes of HMAC-MD5, without a name. Only a program that asks for it uses that.

Each side of the handshake is a generator of `Steps`, which knows nothing of sockets: `Exchange` carries the steps out,
and waits for the other side or not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator

from processing_core import AuthenticationError, current_process
from processing_core.annotations import Protocol

__all__ = [
    "CHALLENGE",
    "FAILURE",
    "LONGEST",
    "WELCOME",
    "Exchange",
    "Steps",
    "answerChallenge",
    "answer_challenge",
    "chosen_key",
    "create_response",
    "deliverChallenge",
    "deliver_challenge",
    "multiprocessing_mutual",
    "verify_challenge",
]

LONGEST = 256
"""Bytes in a message, at most, before the key was shown."""

CHALLENGE, WELCOME, FAILURE = b"#CHALLENGE#", b"#WELCOME#", b"#FAILURE#"
_NONCE = 40
_SHORTEST_NONCE = 20
_MD5_NONCE, _MD5_ANSWER = 20, 16  # bytes, in Python 3.11
_MD5_NAME = b"{md5}"

_DIGESTS = ("sha256", "sha384", "sha3_256", "sha3_384")  # what peers may ask for; not MD5
_NAMED = re.compile(rb"\{(\w{1,20})\}(.*)", re.DOTALL)

Steps = Generator[bytes | None, bytes, None]
"""One side of the talk: it yields what to send, or ``None`` for what came to be sent in."""


class _Messages(Protocol):
    def send_bytes(self, buf: bytes, /) -> None: ...
    def recv_bytes(self, maxlength: int | None = None, /) -> bytes: ...


class Exchange:
    """A talk that is under way."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._due = next(steps)

    def advance(self, connection: _Messages) -> None:
        """Go on to the end.

        Blocks, or, where the connection does not, raises `BlockingIOError` until something came; then call it again.

        :raises AuthenticationError: if the other side does not know the key.
        :raises ConnectionAbortedError: if the connection does not block, and the other side does not read.
        """
        try:
            while True:
                self._due = self._steps.send(self._step(connection))
        except StopIteration:
            return

    def _step(self, connection: _Messages) -> bytes:
        if self._due is None:
            return connection.recv_bytes(LONGEST)
        try:
            connection.send_bytes(self._due)
        except BlockingIOError:
            # What is sent before an answer is a hundred bytes, for which every socket has room.
            raise ConnectionAbortedError("it does not read") from None
        return b""


def chosen_key(authkey: bytes | str | None, authenticate: bool) -> bytes | None:
    """The key to use; ``None`` for no authentication.

    :param authenticate: use the current process's key if there is no other, as 0.52 did.
    :raises TypeError: if ``authkey`` is neither bytes, text nor ``None``.
    """
    if authkey is None:
        return bytes(current_process().authkey) if authenticate else None
    if not isinstance(authkey, (bytes, str)):
        raise TypeError(f"authkey should be a byte string, not {type(authkey).__name__}")  # its value is shown nowhere
    return _bytes(authkey)


def deliver_challenge(connection: _Messages, authkey: bytes | str, digest_name: str = "sha256") -> None:
    """Ask the other side whether it knows the key.

    Blocks until it has answered.

    :param digest_name: one of sha256, sha384, sha3_256, sha3_384.
    :raises AuthenticationError: if it does not know it.
    :raises EOFError: if it has gone.
    :raises OSError: if it answers with more than 256 bytes.
    :raises ValueError: if ``authkey`` is neither bytes nor text, or there is no such digest.
    """
    key = _checked(authkey)
    if digest_name not in _DIGESTS:
        raise ValueError(f"digest {digest_name!r} is none of {', '.join(_DIGESTS)}")
    Exchange(_asking(key, digest_name)).advance(connection)


def answer_challenge(connection: _Messages, authkey: bytes | str) -> None:
    """Show the other side that we know the key.

    Blocks until the other side has sent its challenge, and its verdict on the answer.

    :raises AuthenticationError: if it has another key, or speaks something else.
    :raises EOFError: if it has gone.
    :raises OSError: if it sends more than 256 bytes.
    :raises ValueError: if ``authkey`` is neither bytes nor text.
    """
    Exchange(_answering(_checked(authkey))).advance(connection)


def create_response(authkey: bytes, message: bytes) -> bytes:
    """The answer to a challenge, for libraries that speak the handshake of ``multiprocessing`` themselves.

    Does not block.  A message of 20 bytes is Python 3.11's, and means MD5.

    :param message: what came after the word that begins a challenge.
    :raises AuthenticationError: if the message names no digest that is known.
    """
    if len(message) == _MD5_NONCE:
        return _md5(authkey, message)
    if message.startswith(_MD5_NAME):
        return _MD5_NAME + _md5(authkey, message)
    return _response(authkey, message, _digest_asked_for(message, 0))


def verify_challenge(authkey: bytes, message: bytes, response: bytes) -> None:
    """Check what `create_response` made.  Does not block.

    :raises AuthenticationError: if it is another answer.
    """
    if not _equal(response, create_response(authkey, message)):
        raise AuthenticationError("digest received was wrong")


def multiprocessing_mutual(key: bytes, *, listens: bool, md5: bool = False) -> Steps:
    """Both halves.

    :param listens: whether this is the listener's side, which asks first.
    :param md5: whether the other side may be Python 3.11's ``multiprocessing``.
    """
    halves = _asking(key, md5=md5), _answering(key, md5=md5)
    for half in halves if listens else reversed(halves):
        yield from half


def _asking(key: bytes, digest_name: str = "sha256", *, md5: bool = False) -> Steps:
    message = b"{%s}" % digest_name.encode() + os.urandom(_NONCE)
    yield CHALLENGE + message
    answer = yield None
    old = len(answer) == _MD5_ANSWER
    if old and not md5:
        yield FAILURE
        raise AuthenticationError("digest received was wrong: it is Python 3.11's MD5, which `allow_md5` would allow")
    if not _equal(answer, _md5(key, message) if old else _response(key, message, digest_name)):
        yield FAILURE
        raise AuthenticationError("digest received was wrong")
    yield WELCOME


def _answering(key: bytes, *, md5: bool = False) -> Steps:
    challenge = yield None
    if not challenge.startswith(CHALLENGE):
        raise AuthenticationError(f"Protocol error, expected challenge: {challenge!r}")
    message = challenge.removeprefix(CHALLENGE)
    if md5 and len(message) == _MD5_NONCE:
        yield _md5(key, message)
    else:
        yield _response(key, message, _digest_asked_for(message))
    verdict = yield None
    if verdict != WELCOME:
        raise AuthenticationError("digest sent was rejected")


def _digest_asked_for(message: bytes, shortest: int = _SHORTEST_NONCE) -> str:
    if len(message) == _MD5_NONCE:
        raise AuthenticationError("the challenge names no digest: Python 3.11 means MD5, which `allow_md5` would allow")
    named = _NAMED.fullmatch(message)
    if named is None or named[1].decode(errors="replace") not in _DIGESTS or len(named[2]) < shortest:
        raise AuthenticationError(f"the challenge names no digest out of {', '.join(_DIGESTS)}, or is too short")
    return named[1].decode()


def _response(key: bytes, message: bytes, digest_name: str) -> bytes:
    import hmac  # here, for its import takes 1 ms that few programs need

    return b"{%s}" % digest_name.encode() + hmac.digest(key, message, digest_name)


def _md5(key: bytes, message: bytes) -> bytes:
    import hmac

    try:
        return hmac.digest(key, message, "md5")
    except ValueError as error:  # an OpenSSL that was built or configured without it
        raise AuthenticationError("this system has no MD5") from error


def _equal(left: bytes, right: bytes) -> bool:
    import hmac

    return hmac.compare_digest(left, right)


def _checked(authkey: bytes | str) -> bytes:
    if not isinstance(authkey, (bytes, str)):
        raise ValueError(f"Authkey must be bytes, not {type(authkey)!r}")
    return _bytes(authkey)


def _bytes(authkey: bytes | str) -> bytes:
    return authkey.encode() if isinstance(authkey, str) else authkey


# The names of 0.52.
deliverChallenge = deliver_challenge
answerChallenge = answer_challenge
