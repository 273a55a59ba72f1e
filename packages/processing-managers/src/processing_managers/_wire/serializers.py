"""Serializers: how a manager's client and server write what they say to each other.

XML carries little: ``int``, ``float``, ``bool``, ``str``, ``bytes``, ``None``, dates, and lists and dicts
of those with keys that are ``str``.  In return neither side unpickles what the other says.  Tuples arrive as lists, and
exceptions as `RemoteError` with their traceback.
"""

from __future__ import annotations

from collections.abc import Callable

from processing_core.annotations import Any, NamedTuple
from processing_core.lowlevel import dumps, loads, text_of
from processing_managers._wire.messages import pack_failure

__all__ = ["PICKLE", "Serializer", "serializer_named"]


class Serializer(NamedTuple):
    """A way to write objects."""

    name: str
    dumps: Callable[[Any], bytes]
    loads: Callable[[bytes], Any]
    pack_failure: Callable[[BaseException], tuple[bytes, str]]


def _xml_dumps(obj: Any) -> bytes:
    from xmlrpc.client import Marshaller

    class Strict(Marshaller):
        dispatch = {**Marshaller.dispatch, int: _write_int, "_arbitrary_instance": _refuse}

    return Strict(None, True).dumps((obj,)).encode()


def _write_int(marshaller: Any, value: int, write: Callable[[str], object]) -> None:
    """By an extension that the standard library parses: XML-RPC has 32 bits, the number of a thread more."""
    write(f"<value><i8>{value}</i8></value>\n")


def _refuse(marshaller: Any, value: object, write: Callable[[str], object]) -> None:
    raise TypeError(f"the serializer 'xmlrpclib' cannot write {type(value).__name__!r} objects")


def _xml_loads(data: bytes) -> Any:
    from xml.parsers.expat import ExpatError
    from xmlrpc.client import Error
    from xmlrpc.client import loads as parse

    try:
        (obj,), _ = parse(data.decode(), use_builtin_types=True)
    except (ExpatError, Error) as error:
        raise ValueError(f"no XML-RPC: {error}") from error
    return obj


PICKLE: Serializer = Serializer("pickle", dumps, loads, pack_failure)
_XML = Serializer("xmlrpclib", _xml_dumps, _xml_loads, lambda error: (b"", text_of(error)))


def serializer_named(name: str) -> Serializer:
    """The serializer of this name.

    :raises ValueError: if there is none.
    """
    for serializer in (PICKLE, _XML):
        if serializer.name == name:
            return serializer
    raise ValueError(f"serializer {name!r}: there are 'pickle' and 'xmlrpclib'")
