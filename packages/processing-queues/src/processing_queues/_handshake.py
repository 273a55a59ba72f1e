"""Mutual authentication between two of ours: each side proves for this connection alone that it knows the key.

::

    client ──── "#PROCESSING1#client#" 32 random bytes ─────────────────▶ listener
    client ◀─── "#PROCESSING1#listener#" 32 random bytes ─────────────── listener
    client ──── HMAC-SHA256(key, label "client", both nonces, TLS) ─────▶ listener
    client ◀─── HMAC-SHA256(key, label "listener", both nonces, TLS) ─── listener, or "#FAILURE#"

The two hellos cross.  A proof is bound to the role of its sender and to the nonces of both sides, so a proof cannot be
used again: not by a listener that does not know the key towards a second client, not towards its sender, and not on
another connection. Under TLS it is bound to the session, too, so no process can stand between two sessions and pass on
the messages of both sides.  (``multiprocessing``'s handshake, in :mod:`processing_queues._authentication`, answers
every challenge of every process; it is used only where the program says so.)  The client proves first: a listener sends
a peer that has not proved the key nothing from which that peer could guess the key.

Neither side reads more than 256 bytes at a time, or unpickles anything, before the other has proved itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from processing_core import AuthenticationError
from processing_queues._authentication import Steps

__all__ = ["HELLO", "NO_KEY", "keyless", "mutual"]

HELLO = b"#PROCESSING1#"
"""What every hello begins with; no pickle does."""

NO_KEY = HELLO + b"no key#"
"""What a side says that is greeted and was given no key, before it hangs up; under TLS, a listener without a key."""

_CLIENT, _LISTENER = HELLO + b"client#", HELLO + b"listener#"
_NONCE = 32
_FAILURE = b"#FAILURE#"
_OTHER_PROTOCOL = b"#CHALLENGE#"


def _no_session() -> bytes:
    return b""


def mutual(
    key: bytes, *, listens: bool, listener_first: bool = False, session: Callable[[], bytes] = _no_session
) -> Steps:
    """One side of the handshake.

    :param listens: whether it is the listener's.
    :param listener_first: whether the client waits for the listener's hello with its own: under TLS the listener may
        have refused the client by now, and a client that wrote would not learn why.
    :param session: what the two ends of this connection's encryption know.
    """
    return _listening(key, session) if listens else _connecting(key, listener_first, session)


def keyless(*, listens: bool) -> Steps:
    """One side of the handshake under TLS without a key.

    There the connection is not good before it is accepted: so both know at once whether the other side has a key.
    """
    if listens:
        yield NO_KEY
        return
    hello = yield None
    if hello == NO_KEY:
        return
    if hello.startswith(HELLO):
        yield NO_KEY
        raise AuthenticationError("the listener wants to authenticate: this client was given no authkey")
    raise AuthenticationError(f"Protocol error, expected a listener of processing: this is {hello[:40]!r}")


def _connecting(key: bytes, waits: bool, session: Callable[[], bytes]) -> Steps:
    mine = os.urandom(_NONCE)
    if not waits:
        yield _CLIENT + mine
    hello = yield None
    theirs = _nonce(hello, _LISTENER, "listener")
    if waits:
        yield _CLIENT + mine
    yield _proof(key, _CLIENT, mine, theirs, session())
    answer = yield None
    if answer == _FAILURE:
        raise AuthenticationError("digest sent was rejected")
    if not _equal(answer, _proof(key, _LISTENER, mine, theirs, session())):
        raise AuthenticationError("digest received was wrong")


def _listening(key: bytes, session: Callable[[], bytes]) -> Steps:
    mine = os.urandom(_NONCE)
    yield _LISTENER + mine
    hello = yield None
    theirs = _nonce(hello, _CLIENT, "client")
    proof = yield None
    if not _equal(proof, _proof(key, _CLIENT, theirs, mine, session())):
        yield _FAILURE
        raise AuthenticationError("digest received was wrong")
    yield _proof(key, _LISTENER, theirs, mine, session())


def _nonce(hello: bytes, beginning: bytes, role: str) -> bytes:
    nonce = hello.removeprefix(beginning)
    if hello.startswith(beginning) and len(nonce) == _NONCE:
        return nonce
    if hello == NO_KEY:
        raise AuthenticationError(f"the {role} was given no authkey")
    if hello.startswith(_OTHER_PROTOCOL):
        hint = "multiprocessing's protocol, which protocol='multiprocessing' selects"
    elif hello.startswith(HELLO):
        hint = "the hello of the same role, or of another version"
    else:
        hint = f"{hello[:40]!r}; if it is multiprocessing's, protocol='multiprocessing' serves it"
    raise AuthenticationError(f"Protocol error, expected the hello of a {role} of processing: this is {hint}")


def _proof(key: bytes, role: bytes, of_client: bytes, of_listener: bytes, session: bytes) -> bytes:
    import hmac  # here, for its import takes 1 ms that few programs need

    return hmac.digest(key, role + of_client + of_listener + session, "sha256")


def _equal(left: bytes, right: bytes) -> bool:
    import hmac

    return hmac.compare_digest(left, right)
