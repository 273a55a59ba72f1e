"""What a client and a server say to each other, and how an exception travels.

::

    client                                    server
    (mutual authentication by the key)
    hello: (KEEPER, client's id, 0)           (process id, server's id, sealed key)
        [("lend" or "drop", ident, loan)]...
        [("open", thread, pickled rings)]...
    hello: (CALLER, client's id, thread)
        (ident, method, args[, kwds])         (RETURNED, result)  or  (FAILED, (pickled exception, traceback))

Each client has one keeper connection, and callers for its threads: connections, or within the family rings, which the
keeper opens (:mod:`processing_managers._callers`).  What the keeper says is not answered; when it closes, however the
client ended, the client leaves.  A request with ``None`` for the ident is for the server itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from processing_core.annotations import Any, Final
from processing_core.lowlevel import dumps, loads
from processing_managers._errors import RemoteError

__all__ = [
    "CALLER",
    "FAILED",
    "GET_VALUE",
    "KEEPER",
    "RETURNED",
    "STR",
    "VIEWS",
    "Request",
    "failure",
    "pack_failure",
    "text_of",
]

KEEPER: Final = "keeper"
CALLER: Final = "caller"
GET_VALUE: Final = "#GETVALUE"
STR: Final = "__str__"
RETURNED: Final = 0
FAILED: Final = 1

Request = tuple[str | None, str, tuple[Any, ...]] | tuple[str | None, str, tuple[Any, ...], Mapping[str, Any]]

VIEWS: Final[tuple[type, ...]] = (type({}.keys()), type({}.values()), type({}.items()))


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
