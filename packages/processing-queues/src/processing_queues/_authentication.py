"""Whether both sides know the same key, without telling it: HMAC (RFC 2104) over a challenge.

As ``multiprocessing.connection`` of Python 3.12 and later::

    asker ──── "#CHALLENGE#" "{sha256}" 40 random bytes ────────────────────▶ answerer
    asker ◀─── "{sha256}" HMAC(key, all after "#CHALLENGE#") ──────────────── answerer
    asker ──── "#WELCOME#" or "#FAILURE#" ──────────────────────────────────▶ answerer

A listener asks first, then the client does.  Nobody who has not answered is listened to any further, and neither side
reads more than 256 bytes at a time, or unpickles anything, before that.
"""

from __future__ import annotations

import os
import re

from processing_core import AuthenticationError, current_process
from processing_core.annotations import Protocol

__all__ = ["answerChallenge", "answer_challenge", "chosen_key", "deliverChallenge", "deliver_challenge"]

_CHALLENGE, _WELCOME, _FAILURE = b"#CHALLENGE#", b"#WELCOME#", b"#FAILURE#"
_LONGEST = 256
_NONCE = 40
_SHORTEST_NONCE = 20

_DIGESTS = ("sha256", "sha384", "sha3_256", "sha3_384")  # what peers may ask for; not MD5
_NAMED = re.compile(rb"\{(\w{1,20})\}(.*)", re.DOTALL)


class _Messages(Protocol):
    def send_bytes(self, buf: bytes, /) -> None: ...
    def recv_bytes(self, maxlength: int | None = None, /) -> bytes: ...


def chosen_key(authkey: bytes | str | None, authenticate: bool) -> bytes | None:
    """The key to use; ``None`` for no authentication.

    :param authenticate: use the current process's key if there is no other, as 0.52 did.
    :raises TypeError: if ``authkey`` is neither bytes, text nor ``None``.
    """
    if authkey is None:
        return bytes(current_process().authkey) if authenticate else None
    if not isinstance(authkey, (bytes, str)):
        raise TypeError(f"authkey should be a byte string, not {authkey!r}")
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
    message = b"{%s}" % digest_name.encode() + os.urandom(_NONCE)
    connection.send_bytes(_CHALLENGE + message)
    if not _equal(connection.recv_bytes(_LONGEST), _response(key, message, digest_name)):
        connection.send_bytes(_FAILURE)
        raise AuthenticationError("digest received was wrong")
    connection.send_bytes(_WELCOME)


def answer_challenge(connection: _Messages, authkey: bytes | str) -> None:
    """Show the other side that we know the key.

    Blocks until it has asked, and said what it thinks of the answer.

    :raises AuthenticationError: if it has another key, or speaks something else.
    :raises EOFError: if it has gone.
    :raises OSError: if it sends more than 256 bytes.
    :raises ValueError: if ``authkey`` is neither bytes nor text.
    """
    key = _checked(authkey)
    message = connection.recv_bytes(_LONGEST)
    if not message.startswith(_CHALLENGE):
        raise AuthenticationError(f"Protocol error, expected challenge: {message!r}")
    message = message.removeprefix(_CHALLENGE)
    connection.send_bytes(_response(key, message, _digest_asked_for(message)))
    if connection.recv_bytes(_LONGEST) != _WELCOME:
        raise AuthenticationError("digest sent was rejected")


def _digest_asked_for(message: bytes) -> str:
    named = _NAMED.fullmatch(message)
    if named is None or named[1].decode(errors="replace") not in _DIGESTS or len(named[2]) < _SHORTEST_NONCE:
        raise AuthenticationError(f"the challenge names no digest out of {', '.join(_DIGESTS)}, or is too short")
    return named[1].decode()


def _response(key: bytes, message: bytes, digest_name: str) -> bytes:
    import hmac  # here, for its import takes 1 ms that few programs need

    return b"{%s}" % digest_name.encode() + hmac.digest(key, message, digest_name)


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
