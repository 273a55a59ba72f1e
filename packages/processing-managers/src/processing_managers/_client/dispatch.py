"""Speaking to a manager's server of `multiprocessing`, request by request.

Our own servers speak another protocol, which `BaseProxy` hides.  A program that serves or calls such a server itself,
by ``Client(address, authkey=key, protocol="multiprocessing")``, does it with these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from processing_core.annotations import TYPE_CHECKING, Any
from processing_managers._errors import RemoteError

if TYPE_CHECKING:
    from processing_queues import Connection

__all__ = ["convert_to_error", "dispatch"]

_NONE: Mapping[str, Any] = {}


def dispatch(
    c: Connection,
    id: str | None,  # noqa: A002  # as in multiprocessing
    methodname: str,
    args: Iterable[Any] = (),
    kwds: Mapping[str, Any] = _NONE,
) -> Any:
    """Send a request over a connection and wait for the answer.  Blocks as long as the server works on it.

    :param id: of the object; ``None`` for the server itself.
    :return: the result.
    :raises RemoteError: if the server could not do it.
    :raises BaseException: what the method raised.
    """
    c.send((id, methodname, args, kwds))
    kind, result = c.recv()
    if kind == "#RETURN":
        return result
    try:
        raise convert_to_error(kind, result)
    finally:
        del result  # which would refer to this frame


def convert_to_error(kind: str, result: Any) -> BaseException:
    """The exception that an answer describes.

    :param kind: of the answer, such as ``"#ERROR"``.
    :param result: what came with it: the exception, or the text of a traceback.
    :raises TypeError: if it is not a text where one must come.
    """
    if kind == "#ERROR":
        error: BaseException = result
        return error
    if kind not in ("#TRACEBACK", "#UNSERIALIZABLE"):
        return ValueError(f"an answer of the kind {kind!r}: it must be #RETURN, #ERROR, #TRACEBACK or #UNSERIALIZABLE")
    if not isinstance(result, str):
        raise TypeError(f"an answer of the kind {kind!r} came with {result!r}: it must be a str")
    return RemoteError(f"Unserializable message: {result}\n" if kind == "#UNSERIALIZABLE" else result)
