"""Arrays, tensors and frames of other libraries: how each is made, written to and compared.

No library is imported before the first of its objects is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple

LARGE = 20_000
"""Elements; as many bytes, at least, as go into a block of their own."""


class Kind(NamedTuple):
    """A kind of object.

    :param make: makes one, given its library.
    :param write: writes to it in place; ``None`` if the library has no way to.
    :param same: whether two are equal in value and type.
    """

    library: str
    make: Callable[[Any], Any]
    write: Callable[[Any], None] | None
    same: Callable[[Any, Any], bool]


def made(name: str) -> Any:
    """A new object of a kind."""
    kind = KINDS[name]
    return kind.make(import_module(kind.library))


def written(name: str, obj: Any) -> Any:
    """The object, after it was written to in place."""
    if write := KINDS[name].write:
        write(obj)
    return obj


def written_each(named: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Write to each of some objects."""
    return [(name, written(name, obj)) for name, obj in named]


def echo_written(queue: Any, connection: Any) -> None:
    """Send what comes through a queue, and then what comes through a connection, back by a connection, written to."""
    connection.send(written_each(queue.get()))
    connection.send(written_each(connection.recv()))


def add_one(tensor: Any, queue: Any) -> None:
    """Add one to a tensor in place, and then to one that comes through a queue."""
    tensor += 1
    received = queue.get()
    received += 1


def number_of(tensor: Any, index: int) -> int:
    """How many elements a tensor has, and ``index``; the first of them is counted up."""
    tensor[0] += 1
    return int(tensor.numel()) + index


def kinds_of(library: str) -> list[str]:
    """The names of a library's kinds."""
    return [name for name, kind in KINDS.items() if kind.library == library]


def made_each(library: str) -> list[tuple[str, Any]]:
    """An object of each kind of a library, with the kind's name."""
    return [(name, made(name)) for name in kinds_of(library)]


def made_writable(library: str) -> list[tuple[str, Any]]:
    """The same, but no array is read-only."""
    made = made_each(library)
    for _, obj in made:
        if hasattr(obj, "flags") and hasattr(obj.flags, "writeable"):
            obj.flags.writeable = True
    return made


def differing(one: list[tuple[str, Any]], other: list[tuple[str, Any]]) -> Iterator[str]:
    """The names of the objects that are not the same in both lists."""
    for (name, left), (_, right) in zip(one, other, strict=True):
        if not KINDS[name].same(left, right):
            yield name


# -- NumPy -----------------------------------------------------------------------------------------


def _set_first(array: Any) -> None:
    array[(0,) * array.ndim] = 77


def _same_arrays(one: Any, other: Any) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and bool((one == other).all())


def _numpy(make: Callable[[Any], Any]) -> Kind:
    return Kind("numpy", make, _set_first, _same_arrays)


def _read_only(array: Any) -> Any:
    array.flags.writeable = False
    return array


# -- pandas and polars -----------------------------------------------------------------------------


def _same_by_equals(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one.equals(other))


def _set_cell(frame: Any) -> None:
    frame.iloc[0, 0] = 77


def _pandas_frame(pandas: Any) -> Any:
    numbers = range(LARGE)
    return pandas.DataFrame(
        {
            "real": [float(number) for number in numbers],
            "whole": numbers,
            "text": [f"row {number}" for number in numbers],
            "time": pandas.date_range("2020-01-01", periods=LARGE, freq="s", tz="UTC"),
            "kind": pandas.Categorical([f"kind {number % 3}" for number in numbers]),
            "gaps": pandas.array([None, *numbers][:LARGE], dtype="Int64"),
        }
    )


def _polars_frame(polars: Any) -> Any:
    import datetime
    import decimal

    numbers = range(LARGE)
    day = datetime.datetime(2020, 1, 1)
    columns = {
        "real": [float(number) for number in numbers],
        "gaps": [number if number % 3 else None for number in numbers],
        "flag": [number % 5 == 0 for number in numbers],
        "text": [f"the text of row {number}" if number % 7 else None for number in numbers],
        "short": ["ab"] * LARGE,
        "bytes": [b"some bytes, not few"] * LARGE,
        "time": polars.Series([day] * LARGE, dtype=polars.Datetime("us", "UTC")),
        "date": [day.date()] * LARGE,
        "hour": [datetime.time(3)] * LARGE,
        "span": [datetime.timedelta(3)] * LARGE,
        "price": [decimal.Decimal("1.23")] * LARGE,
        "list": [["one", "two"]] * LARGE,
        "array": polars.Series([[1.0, 2.0]] * LARGE, dtype=polars.Array(polars.Float64, 2)),
        "record": [{"a": 1, "b": "x"}] * LARGE,
        "nothing": [None] * LARGE,
        "wide": polars.Series([1 << 100] * LARGE, dtype=polars.Int128),
        "kind": polars.Series(["a", "b"] * (LARGE // 2), dtype=polars.Categorical),
        "enum": polars.Series(["a", "b"] * (LARGE // 2), dtype=polars.Enum(["a", "b"])),
    }
    return polars.DataFrame(columns)


def _same_polars(one: Any, other: Any) -> bool:
    kind = "schema" if hasattr(one, "schema") else "dtype"
    return getattr(one, kind) == getattr(other, kind) and _same_by_equals(one, other)


def _polars(make: Callable[[Any], Any], write: Callable[[Any], None] | None = None) -> Kind:
    return Kind("polars", make, write, _same_polars)


def _set_item(series: Any) -> None:
    series[0] = 77


# -- pyarrow ---------------------------------------------------------------------------------------


def _arrow_table(pyarrow: Any) -> Any:
    numbers = list(range(LARGE))
    return pyarrow.table({"whole": numbers, "text": [f"row {number}" for number in numbers]})


def _pyarrow(make: Callable[[Any], Any]) -> Kind:
    return Kind("pyarrow", make, None, _same_by_equals)


def _allocated(pyarrow: Any) -> Any:
    buffer = pyarrow.allocate_buffer(4 * LARGE)
    memoryview(buffer).cast("B")[:] = bytes(4 * LARGE)
    return buffer


def _set_byte(buffer: Any) -> None:
    memoryview(buffer).cast("B")[0] = 77


# -- PyTorch ---------------------------------------------------------------------------------------


def _add_one(tensor: Any) -> None:
    tensor.data.add_(1)


def _same_tensors(one: Any, other: Any) -> bool:
    if one.layout != other.layout or one.requires_grad != other.requires_grad or type(one) is not type(other):
        return False
    strided = "sparse" not in str(one.layout)
    same = not strided or (one.stride(), one.storage_offset()) == (other.stride(), other.storage_offset())
    dense = [(tensor if strided else tensor.to_dense()) for tensor in (one, other)]
    return same and one.dtype == other.dtype and one.shape == other.shape and bool((dense[0] == dense[1]).all())


def _torch(make: Callable[[Any], Any], write: Callable[[Any], None] | None = _add_one) -> Kind:
    return Kind("torch", make, write, _same_tensors)


def _reals(torch: Any) -> Any:
    torch.set_num_threads(1)  # a forked child would wait for ever for threads that only its parent has
    return torch.arange(LARGE, dtype=torch.float64)


def _same_modules(one: Any, other: Any) -> bool:
    left, right = one.state_dict(), other.state_dict()
    return left.keys() == right.keys() and all(bool((left[key] == right[key]).all()) for key in left)


def _linear(torch: Any) -> Any:
    layer = torch.nn.Linear(200, 200)
    layer.weight.data[:] = torch.arange(40_000).reshape(200, 200)
    layer.bias.data[:] = 0
    return layer


KINDS: dict[str, Kind] = {
    "numpy": _numpy(lambda numpy: numpy.arange(LARGE, dtype="f8")),
    "numpy, small": _numpy(lambda numpy: numpy.arange(10)),
    "numpy, in Fortran's order": _numpy(lambda numpy: numpy.asfortranarray(numpy.arange(40_000).reshape(200, 200))),
    "numpy, not contiguous": _numpy(lambda numpy: numpy.arange(4 * LARGE).reshape(2, -1)[:, ::2]),
    "numpy, read-only": _numpy(lambda numpy: _read_only(numpy.arange(LARGE))),
    "numpy, times": _numpy(lambda numpy: numpy.arange(LARGE).astype("M8[ns]")),
    "numpy, spans, not contiguous": _numpy(lambda numpy: numpy.arange(2 * LARGE).astype("m8[s]")[::2]),
    "numpy, times, read-only": _numpy(lambda numpy: _read_only(numpy.arange(LARGE).astype("M8[D]"))),
    "pandas, frame": Kind("pandas", _pandas_frame, _set_cell, _same_by_equals),
    "pandas, rows of a frame": Kind("pandas", lambda pd: _pandas_frame(pd).iloc[10:-10], _set_cell, _same_by_equals),
    "pandas, index": Kind("pandas", lambda pd: pd.Index([float(n) for n in range(LARGE)]), None, _same_by_equals),
    "polars, frame": _polars(_polars_frame),
    "polars, rows of a frame": _polars(lambda polars: _polars_frame(polars).slice(11, LARGE // 2)),
    "polars, frame in chunks": _polars(
        lambda polars: polars.concat([_polars_frame(polars), _polars_frame(polars)], rechunk=False)
    ),
    "polars, small": _polars(lambda polars: polars.DataFrame({"a": [1, 2], "b": ["x", None]})),
    "polars, empty": _polars(lambda polars: _polars_frame(polars).clear()),
    "polars, series": _polars(lambda polars: polars.Series("a", range(LARGE)), _set_item),
    "pyarrow, table": _pyarrow(_arrow_table),
    "pyarrow, array": _pyarrow(lambda pyarrow: pyarrow.array(list(range(LARGE)))),
    "pyarrow, batch": _pyarrow(lambda pyarrow: _arrow_table(pyarrow).to_batches()[0]),
    "pyarrow, chunked array": _pyarrow(lambda pyarrow: pyarrow.chunked_array([list(range(LARGE)), [1]])),
    "pyarrow, buffer": _pyarrow(lambda pyarrow: pyarrow.py_buffer(bytes(4 * LARGE))),
    "pyarrow, allocated buffer": Kind("pyarrow", _allocated, _set_byte, _same_by_equals),
    "torch": _torch(_reals),
    "torch, small": _torch(lambda torch: torch.arange(3)),
    "torch, bfloat16": _torch(lambda torch: _reals(torch).to(torch.bfloat16)),
    "torch, uint16": _torch(lambda torch: torch.arange(LARGE).to(torch.uint16), None),
    "torch, complex": _torch(lambda torch: _reals(torch).to(torch.complex128).conj()),
    "torch, not contiguous": _torch(lambda torch: _reals(torch)[10:-10].reshape(-1, 20).T[:, ::2]),
    "torch, parameter": _torch(lambda torch: torch.nn.Parameter(_reals(torch))),
    "torch, with a gradient": _torch(lambda torch: _reals(torch).requires_grad_()),
    "torch, empty": _torch(lambda torch: torch.zeros(0, 3)),
    "torch, scalar": _torch(lambda torch: torch.tensor(2.5)),
    "torch, sparse": _torch(lambda torch: torch.eye(3).to_sparse(), None),
    "torch, module": Kind("torch", _linear, lambda layer: layer.weight.data.add_(1), _same_modules),
}
"""By name, which begins with the library's."""
