"""polars' frames and series: the buffers of their columns go out of band.

Their own pickles are bytes objects, in Arrow's format for files. Frames that are small, or have types that Arrow's
interface does not render exactly, are pickled as ever.
"""

from __future__ import annotations

from importlib import import_module

from processing_core._libraries import Reducers
from processing_core.annotations import Any

__all__ = ["reducers"]

_LEAST = 32 << 10
"""Bytes of data; what is smaller does not leave the pickle."""

_MOST = 2
"""How many times larger than the data its buffers may be; those of a slice of text have the text of all other rows."""

_AS_EVER = {"Object", "Unknown"}
"""Types whose values are not in the buffers."""


def reducers(polars: Any) -> Reducers | None:
    """The reducers of frames and series; ``None`` while polars is being imported."""
    frame, series = getattr(polars, "DataFrame", None), getattr(polars, "Series", None)
    if frame is None or series is None or not hasattr(polars, "concat"):
        return None
    return {frame: _reduce_frame, series: _reduce_series}


def _reduce_frame(frame: Any) -> Any:
    return _reduced(frame, frame.schema.dtypes(), _frame, ())


def _reduce_series(series: Any) -> Any:
    return _reduced(series, [series.dtype], _series, (series.name,))


def _reduced(data: Any, kinds: list[Any], made_by: Any, arguments: tuple[Any, ...]) -> Any:
    size = data.estimated_size()
    if size < _LEAST or any(map(_is_as_ever, kinds)):
        return data.__reduce_ex__(5)
    from processing_core import _arrow

    try:
        # The export locks an object while it has the GIL, and methods that other threads call wait for the GIL while
        # they have this lock.  A clone refers to the same memory, and is known to no other thread.
        schema, chunks = _arrow.exported(data.clone())
    except _arrow.Unsupported:
        return data.__reduce_ex__(5)
    if sum(map(_arrow.size, chunks)) > _MOST * size:
        return data.__reduce_ex__(5)
    return made_by, (*arguments, schema, chunks)


def _is_as_ever(kind: Any) -> bool:
    """Whether the type, or one within it, is one of `_AS_EVER`, or not polars' own."""
    inner = getattr(kind, "inner", None)
    fields = getattr(kind, "fields", ())
    base = kind.base_type()
    return (
        base.__name__ in _AS_EVER
        or base.__module__.partition(".")[0] != "polars"
        or (inner is not None and _is_as_ever(inner))
        or any(_is_as_ever(field.dtype) for field in fields)
    )


# -- at the receiver -------------------------------------------------------------------------------


def _frame(schema: Any, chunks: list[Any]) -> Any:
    polars = import_module("polars")
    frames = [_imported(polars.DataFrame, schema, chunk) for chunk in chunks]
    return frames[0] if len(frames) == 1 else polars.concat(frames, rechunk=False)


def _series(name: str, schema: Any, chunks: list[Any]) -> Any:
    polars = import_module("polars")
    parts = [_imported(polars.Series, schema, chunk) for chunk in chunks]
    return (parts[0] if len(parts) == 1 else polars.concat(parts, rechunk=False)).alias(name)


def _imported(kind: Any, schema: Any, chunk: Any) -> Any:
    from processing_core import _arrow

    source = _arrow.Imported(schema, chunk)
    try:
        return kind(source)
    finally:
        source.close()
