"""What a client and a server say to each other, and how an exception travels.

::

    client                                    server
    (mutual authentication by the key)
    hello of KEEPER                           (process id, server's id, sealed key)
        [("lend" or "drop", ident, loan)]...
        [("open", thread, pickled rings)]...
    hello of CALLER
        (ident, method, args[, kwds])         (RETURNED, result)  or  (FAILED, (pickled exception, traceback))

Each client has one keeper connection, and callers for its threads: connections, or within the family rings, which the
keeper opens (:mod:`processing_managers._callers`).  What the keeper says is not answered; when it closes, however the
client ended, the client leaves.  A request with ``None`` for the ident is for the server itself.

All but the hello is pickled.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from processing_core.annotations import Any, Final
from processing_core.lowlevel import dumps, loads
from processing_managers._errors import RemoteError

__all__ = [
    "CALLER",
    "FAILED",
    "GET_VALUE",
    "KEEPER",
    "LONGEST_HELLO",
    "RETURNED",
    "STR",
    "VIEWS",
    "Request",
    "failure",
    "hello",
    "pack_failure",
    "read_hello",
    "text_of",
]

KEEPER: Final = b"k"
CALLER: Final = b"c"
GET_VALUE: Final = "#GETVALUE"
STR: Final = "__str__"
RETURNED: Final = 0
FAILED: Final = 1

Request = tuple[str | None, str, tuple[Any, ...]] | tuple[str | None, str, tuple[Any, ...], Mapping[str, Any]]

VIEWS: Final[tuple[type, ...]] = (type({}.keys()), type({}.values()), type({}.items()))

_HELLO = struct.Struct("!c16sQ")
LONGEST_HELLO: Final = _HELLO.size
"""Bytes."""


def hello(role: bytes, client_id: bytes, thread: int) -> bytes:
    """What is said first: what the connection is for, the 16 bytes of who the client is, and which thread of it."""
    return _HELLO.pack(role, client_id, thread)


def read_hello(said: bytes) -> tuple[bytes, bytes, int]:
    """What was given to `hello`.

    :raises ValueError: if it is no hello.
    """
    if len(said) != _HELLO.size or said[:1] not in (KEEPER, CALLER):
        raise ValueError(f"it begins with {said!r}")
    role, client_id, thread = _HELLO.unpack(said)
    return role, client_id, thread


def pack_failure(error: BaseException) -> tuple[bytes, str]:
    """What `failure` makes an exception of."""
    text = text_of(error)
    try:
        pickled = dumps(error)
    except Exception:
        pickled = b""
    return pickled, text


def text_of(error: BaseException) -> str:
    """The traceback of an exception."""
    import traceback  # here, for only servers that fail need its 2 ms

    return "".join(traceback.format_exception(error))


def failure(pickled: bytes, text: str) -> BaseException:
    """An exception that came as bytes, or a `RemoteError` if it does not unpickle."""
    cause = RemoteError(text)
    try:
        error = loads(pickled)
    except Exception:
        return cause
    if not isinstance(error, BaseException):
        return cause
    error.__cause__ = cause
    return error
