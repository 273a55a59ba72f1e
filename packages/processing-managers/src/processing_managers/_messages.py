"""What a client and a server say to each other, and how an exception travels.

::

    client                                    server
    (mutual authentication by the key)
    hello: (KEEPER, client's id)              (process id, server's id, sealed key)
        ["lend" or "drop", ident, loan]...
    hello: (CALLER, client's id)
        (ident, method, args, kwds)           (result,)  or  (pickled exception, traceback)

Each client has one keeper connection, and a caller connection per thread.  What the keeper says is not answered; when
it closes, however the client ended, the client's references are dropped.  A caller's requests are served by one thread,
so that what is owned by threads, such as a managed `RLock`, is owned by the client's.  A request with ``None`` for the
ident is for the server itself.
"""

from __future__ import annotations

from processing_core.annotations import Any, Final
from processing_core.lowlevel import dumps, loads
from processing_managers._errors import RemoteError

__all__ = ["CALLER", "GET_VALUE", "KEEPER", "STR", "failure", "pack_failure", "pack_result", "result_of", "text_of"]

KEEPER: Final = "keeper"
CALLER: Final = "caller"
GET_VALUE: Final = "#GETVALUE"
STR: Final = "__str__"

_VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))


def pack_result(value: Any) -> bytes:
    """The answer that says ``value``.

    :raises Exception: what pickling raises.
    """
    if type(value) in _VIEWS:
        value = list(value)
    return dumps((value,))


def pack_failure(error: BaseException) -> bytes:
    """The answer that says that ``error`` was raised."""
    text = text_of(error)
    try:
        pickled = dumps(error)
    except Exception:
        pickled = b""
    return dumps((pickled, text))


def text_of(error: BaseException) -> str:
    """The traceback of an exception."""
    import traceback  # here, for only servers that fail need its 2 ms

    return "".join(traceback.format_exception(error))


def result_of(answer: bytes) -> Any:
    """What an answer says.

    :raises BaseException: what it says was raised, with the server's traceback as its ``__cause__``.
    """
    said = loads(answer)
    if len(said) == 1:
        return said[0]
    raise failure(*said)


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
