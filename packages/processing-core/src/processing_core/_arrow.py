"""Arrow's C data interface: the buffers of a table, and a table on buffers, without a copy or an Arrow library.

A library exports what it has by ``__arrow_c_stream__`` and imports what has ``__arrow_c_array__``. In between, here, a
type is a `Schema` and a chunk of the data a `Chunk`: tuples, which are pickled, and whose buffers are out of band.
The structures are those of https://arrow.apache.org/docs/format/CDataInterface.html.

Who owns what: an exported array belongs to an `_Owned`, to which each of its buffers refers. Of an imported one
the outermost structure owns the buffers and the other structures, until the importer calls its `release`, by whatever
thread: a function of the kernel's, see ``kernel/objects/arrow.c``.
"""

from __future__ import annotations

import ctypes
from _pickle import PickleBuffer
from collections.abc import Iterator
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_int, c_int32, c_int64, c_ssize_t, c_void_p, py_object

from processing_core._native import _kernel
from processing_core.annotations import Any, NamedTuple

__all__ = ["Chunk", "Imported", "Schema", "Unsupported", "exported", "size"]


class Schema(NamedTuple):
    """A type: what ``ArrowSchema`` says."""

    format: bytes
    name: bytes | None
    metadata: bytes | None
    flags: int
    children: tuple[Any, ...]
    dictionary: Any


class Chunk(NamedTuple):
    """An array: what ``ArrowArray`` says."""

    length: int
    null_count: int
    offset: int
    buffers: tuple[Any, ...]
    children: tuple[Any, ...]
    dictionary: Any


class Unsupported(Exception):
    """The type's layout is not known here."""


class _Schema(Structure):
    pass


class _Array(Structure):
    pass


class _Stream(Structure):
    _fields_ = [
        ("get_schema", c_void_p),
        ("get_next", c_void_p),
        ("get_last_error", c_void_p),
        ("release", c_void_p),
        ("private_data", c_void_p),
    ]


_Schema._fields_ = [
    ("format", c_char_p),
    ("name", c_char_p),
    ("metadata", c_void_p),
    ("flags", c_int64),
    ("n_children", c_int64),
    ("children", POINTER(POINTER(_Schema))),
    ("dictionary", POINTER(_Schema)),
    ("release", c_void_p),
    ("private_data", c_void_p),
]
_Array._fields_ = [
    ("length", c_int64),
    ("null_count", c_int64),
    ("offset", c_int64),
    ("n_buffers", c_int64),
    ("n_children", c_int64),
    ("buffers", POINTER(c_void_p)),
    ("children", POINTER(POINTER(_Array))),
    ("dictionary", POINTER(_Array)),
    ("release", c_void_p),
    ("private_data", c_void_p),
]


class _View(Structure):
    """``Py_buffer``."""

    _fields_ = [
        ("buf", c_void_p),
        ("obj", c_void_p),
        ("len", c_ssize_t),
        ("itemsize", c_ssize_t),
        ("readonly", c_int),
        ("ndim", c_int),
        ("format", c_void_p),
        ("shape", c_void_p),
        ("strides", c_void_p),
        ("suboffsets", c_void_p),
        ("internal", c_void_p),
    ]


_Release = ctypes.CFUNCTYPE(None, c_void_p)
_Get = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p)

_capsule_pointer = ctypes.PYFUNCTYPE(c_void_p, py_object, c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))
_new_capsule = ctypes.PYFUNCTYPE(py_object, c_void_p, c_char_p, c_void_p)(("PyCapsule_New", ctypes.pythonapi))
_get_buffer = ctypes.PYFUNCTYPE(c_int, py_object, c_void_p, c_int)(("PyObject_GetBuffer", ctypes.pythonapi))
_release_buffer = ctypes.PYFUNCTYPE(None, c_void_p)(("PyBuffer_Release", ctypes.pythonapi))


# -- what a library exports ------------------------------------------------------------------------


class _Owned:
    """An exported structure, which is released with this object."""

    def __init__(self, structure: Any) -> None:
        self.structure = structure

    def __del__(self) -> None:
        if self.structure.release:
            _Release(self.structure.release)(ctypes.addressof(self.structure))


def exported(source: Any) -> tuple[Schema, list[Chunk]]:
    """The type of a table or column, and its chunks, whose buffers refer to the memory of ``source``.

    Does not block.

    :param source: has ``__arrow_c_stream__``.
    :raises Unsupported: if the layout of a type in it is not known here.
    :raises OSError: if the export fails.
    """
    capsule = source.__arrow_c_stream__()  # which releases the stream
    address = _capsule_pointer(capsule, b"arrow_array_stream")
    stream = _Stream.from_address(address)
    schema = _Owned(_next(stream.get_schema, address, _Schema()))
    return _schema(schema.structure), [_chunk(a.structure, schema.structure, a) for a in _arrays(stream, address)]


def _next(function: int, stream: int, structure: Any) -> Any:
    if error := _Get(function)(stream, ctypes.addressof(structure)):
        raise OSError(error, "the export of an Arrow stream failed")
    return structure


def _arrays(stream: _Stream, address: int) -> Iterator[_Owned]:
    while True:
        owned = _Owned(_next(stream.get_next, address, _Array()))
        if not owned.structure.release:
            return
        yield owned


def _schema(of: Any) -> Schema:
    children = tuple(_schema(of.children[i].contents) for i in range(of.n_children))
    dictionary = _schema(of.dictionary.contents) if of.dictionary else None
    return Schema(of.format, of.name, _metadata(of.metadata), of.flags, children, dictionary)


def _metadata(address: int | None) -> bytes | None:
    """A number of pairs, and each key and value with its length."""
    if not address:
        return None
    size = 4
    for _ in range(2 * c_int32.from_address(address).value):
        size += 4 + c_int32.from_address(address + size).value
    return ctypes.string_at(address, size)


def _chunk(of: Any, schema: Any, owner: _Owned) -> Chunk:
    children = tuple(_chunk(of.children[i].contents, schema.children[i].contents, owner) for i in range(of.n_children))
    dictionary = _chunk(of.dictionary.contents, schema.dictionary.contents, owner) if of.dictionary else None
    buffers = tuple(
        _buffer(of.buffers[i], size, owner) for i, size in enumerate(_sizes(of, schema.format.decode("ascii")))
    )
    return Chunk(of.length, of.null_count, of.offset, buffers, children, dictionary)


def _buffer(address: int | None, size: int, owner: _Owned) -> PickleBuffer | None:
    if not address:
        return None
    memory: Any = (c_char * size).from_address(address)
    memory.owner = owner
    return PickleBuffer(memory)


def size(chunk: Chunk) -> int:
    """Bytes of all buffers."""
    parts = [*chunk.children, *([chunk.dictionary] if chunk.dictionary else [])]
    own: int = sum(buffer.raw().nbytes for buffer in chunk.buffers if buffer)
    return own + sum(map(size, parts))


# -- how large the buffers are, which the interface leaves to the reader ---------------------------

_WIDTHS = {
    **dict.fromkeys("cC", 1),
    **dict.fromkeys("sSe", 2),
    **dict.fromkeys("iIf", 4),
    **dict.fromkeys("lLg", 8),
    **dict.fromkeys(["tdD", "tts", "ttm", "tiM"], 4),
    **dict.fromkeys(["tdm", "ttu", "ttn", "tiD", "tDs", "tDm", "tDu", "tDn"], 8),
    **dict.fromkeys(["tin", "_pli128", "_plu128"], 16),  # the latter are polars' own
}
_NARROW, _WIDE = {"u", "z", "+l", "+m"}, {"U", "Z", "+L", "+M"}
_VALIDITY_ALONE = ("+s", "+w:")


def _sizes(of: Any, kind: str) -> list[int]:
    """The sizes of an array's buffers, in bytes."""
    items = of.length + of.offset
    if kind == "n":
        return []
    if kind in ("vu", "vz"):
        return [_bits(items), 16 * items, *_view_sizes(of)]
    if kind.startswith(_VALIDITY_ALONE):
        return [_bits(items)]
    if kind in _NARROW or kind in _WIDE:
        return [_bits(items), *_with_offsets(of, kind, items)]
    return [_bits(items), _bits(items) if kind == "b" else _width(kind) * items]


def _bits(number: int) -> int:
    return (number + 7) // 8


def _width(kind: str) -> int:
    if kind.startswith("ts"):
        return 8
    if kind.startswith("w:"):
        return int(kind[2:])
    if kind.startswith("d:"):  # precision, scale, and bits unless these are 128
        return int([*kind[2:].split(","), "128"][2]) // 8
    if kind not in _WIDTHS:
        raise Unsupported(kind)
    return _WIDTHS[kind]


def _with_offsets(of: Any, kind: str, items: int) -> list[int]:
    offset: Any = c_int64 if kind in _WIDE else c_int32
    width = ctypes.sizeof(offset)
    sizes = [width * (items + 1)]
    if not kind.startswith("+"):
        address = of.buffers[1]
        sizes.append(offset.from_address(address + width * items).value if address else 0)
    return sizes


def _view_sizes(of: Any) -> list[int]:
    """Those of the buffers that views refer to, and the last buffer's, which has them."""
    number = of.n_buffers - 3
    last = of.buffers[of.n_buffers - 1]
    return [*((c_int64 * number).from_address(last) if number else ()), 8 * number]


# -- what a library imports ------------------------------------------------------------------------

_release_schema, _release_array = _kernel.arrow_releases()

_nothing = ctypes.create_string_buffer(64)
"""What empty buffers point to."""


class _Kept(tuple[Any, ...]):
    """What a structure refers to."""

    __slots__ = ()


def _structure(structure: Any, release: int, children: list[Any], dictionary: Any, *more: Any) -> Any:
    """A structure, with its children, that keeps what it refers to."""
    pointer = POINTER(type(structure))
    pointers = (pointer * len(children))(*map(ctypes.pointer, children))
    structure.n_children = len(children)
    structure.children = ctypes.cast(pointers, POINTER(pointer))
    structure.dictionary = ctypes.pointer(dictionary) if dictionary is not None else None
    structure.release = release
    structure.kept = _Kept((pointers, *children, dictionary, *more))
    return structure


def _owning(structure: Any) -> Any:
    """The structure, as the outermost one: it owns what it and its children keep until it is released."""
    kept: Any = structure.kept
    structure.private_data = id(kept)
    ctypes.pythonapi.Py_IncRef(py_object(kept))
    return structure


def _schema_structure(schema: Schema) -> _Schema:
    children = [_schema_structure(child) for child in schema.children]
    dictionary = _schema_structure(schema.dictionary) if schema.dictionary else None
    metadata = ctypes.create_string_buffer(schema.metadata) if schema.metadata is not None else None
    structure = _Schema(schema.format, schema.name, metadata and ctypes.addressof(metadata), schema.flags)
    return _structure(structure, _release_schema, children, dictionary, metadata, schema.format, schema.name)  # type: ignore[no-any-return]


def _array_structure(chunk: Chunk) -> _Array:
    children = [_array_structure(child) for child in chunk.children]
    dictionary = _array_structure(chunk.dictionary) if chunk.dictionary else None
    addresses = (c_void_p * len(chunk.buffers))(*map(_address, chunk.buffers))
    structure = _Array(chunk.length, chunk.null_count, chunk.offset, len(chunk.buffers))
    structure.buffers = ctypes.cast(addresses, POINTER(c_void_p))
    return _structure(structure, _release_array, children, dictionary, addresses, chunk.buffers)  # type: ignore[no-any-return]


def _address(buffer: Any) -> int | None:
    """Where a buffer lies that is kept, and so stays there."""
    if buffer is None:
        return None
    view = _View()
    _get_buffer(buffer, byref(view), 0)
    try:
        return view.buf if view.len else ctypes.addressof(_nothing)
    finally:
        _release_buffer(byref(view))


class Imported:
    """A chunk as libraries import it: what has ``__arrow_c_array__``.  It can be imported once."""

    def __init__(self, schema: Schema, chunk: Chunk) -> None:
        self._schema, self._array = _owning(_schema_structure(schema)), _owning(_array_structure(chunk))

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[Any, Any]:
        return (
            _new_capsule(ctypes.addressof(self._schema), b"arrow_schema", None),
            _new_capsule(ctypes.addressof(self._array), b"arrow_array", None),
        )

    def close(self) -> None:
        """Release what was not imported."""
        for structure in (self._schema, self._array):
            if structure.release:
                _Release(structure.release)(ctypes.addressof(structure))
