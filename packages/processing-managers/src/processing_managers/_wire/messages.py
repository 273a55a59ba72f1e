"""The messages between a client and a server, and how an exception is sent.

::

    client                                    server
    (mutual authentication by the key)
    hello of CONTROL                          (process id, server's id, sealed key)
        [(number, "send" or "drop", ident, flight)]...
        [(number, "open", thread, pickled rings)]...
        [(number, "undo" or "do", ticket, pickled call)]...
    hello of REQUESTS
        (ident, method, args[, kwds[, ticket]])       (RETURNED, result)  or  (FAILED, (pickled exception, traceback))

Each client has one control connection, and a request channel for each thread: a connection, or within the family a pair
of rings, which a control message announces (:mod:`processing_managers._client.request_channel`).  The server does not
answer control messages.  A control message may come twice, with the same number.  When the control connection closes,
however the client ended, the server takes the client as gone.  A request with ``None`` for the ident is for the server
itself.

All but the hello is pickled.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from processing_core.annotations import Any, Final
from processing_core.lowlevel import OWN, NotLoaded, caused_by, dumps, load_exception, text_of
from processing_managers._errors import RemoteError

__all__ = [
    "FAILED",
    "GET_VALUE",
    "CONTROL",
    "LONGEST_HELLO",
    "REQUESTS",
    "RETURNED",
    "STR",
    "VIEWS",
    "Request",
    "failure",
    "hello",
    "pack_failure",
    "read_hello",
]

CONTROL: Final = b"k"
REQUESTS: Final = b"c"
GET_VALUE: Final = "#GETVALUE"
STR: Final = "__str__"
RETURNED: Final = 0
FAILED: Final = 1

Request = (
    tuple[str | None, str, tuple[Any, ...]]
    | tuple[str | None, str, tuple[Any, ...], Mapping[str, Any]]
    | tuple[str | None, str, tuple[Any, ...], Mapping[str, Any], int]
)

VIEWS: Final[tuple[type, ...]] = (type({}.keys()), type({}.values()), type({}.items()))

_HELLO = struct.Struct("!c16sQ")
LONGEST_HELLO: Final = _HELLO.size
"""Bytes."""


def hello(role: bytes, client_id: bytes, thread: int) -> bytes:
    """The first message: the connection's purpose, the client's identity of 16 bytes, and the number of its thread."""
    return _HELLO.pack(role, client_id, thread)


def read_hello(said: bytes) -> tuple[bytes, bytes, int]:
    """What was given to `hello`.

    :raises ValueError: if it is no hello.
    """
    if len(said) != _HELLO.size or said[:1] not in (CONTROL, REQUESTS):
        raise ValueError(f"it begins with {said!r}")
    role, client_id, thread = _HELLO.unpack(said)
    return role, client_id, thread


def pack_failure(error: BaseException) -> tuple[bytes, str]:
    """What `failure` makes an exception of."""
    text = text_of(error)
    try:
        pickled = dumps(error)
    except OWN:
        pickled = b""
    return pickled, text


def failure(pickled: bytes, text: str) -> BaseException:
    """An exception that came as bytes, or a `RemoteError` if it does not unpickle."""
    cause = RemoteError(text)
    try:
        return caused_by(load_exception(pickled), cause)
    except NotLoaded:
        return cause
