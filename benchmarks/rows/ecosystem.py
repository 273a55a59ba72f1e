"""Arrays, tensors and frames of other libraries, to a child and back; and PyTorch's `DataLoader` with our processes.

The rows of a library that is not installed are left out.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

from benchmarks.comparison import Peer, Row

METHOD = "forkserver"
"""How the child is started: polars and PyTorch have threads, which a forked child lacks."""

ELEMENTS = 1 << 20
"""Of 8 bytes each."""


def echo(there: Any, back: Any) -> None:
    while (thing := there.get()) is not None:
        back.put(thing)


def round_trips(context: Any, thing: Any, fresh: Callable[[Any], Any], n: int) -> float:
    """Seconds for n times there and back."""
    there, back = context.Queue(), context.Queue()
    child = context.Process(target=echo, args=(there, back))
    child.start()
    there.put([])
    back.get()
    start = perf_counter()
    for _ in range(n):
        there.put(fresh(thing))
        back.get()
    taken = perf_counter() - start
    there.put(None)
    child.join()
    return taken


def the_same(thing: Any) -> Any:
    return thing


def copy_of(tensor: Any) -> Any:
    """A tensor that is not yet in shared memory, into which `torch.multiprocessing` moves what is sent."""
    return tensor.clone()


def ours(make: Callable[[], Any], fresh: Callable[[Any], Any], n: int) -> float:
    import processing

    return round_trips(processing.get_context(METHOD), make(), fresh, n)


def mp(make: Callable[[], Any], fresh: Callable[[Any], Any], n: int) -> float:
    return round_trips(multiprocessing.get_context(METHOD), make(), fresh, n)


def torch_mp(make: Callable[[], Any], fresh: Callable[[Any], Any], n: int) -> float:
    import torch.multiprocessing

    return round_trips(torch.multiprocessing.get_context(METHOD), make(), fresh, n)


# -- what is sent, of 16 MiB if it is a frame, else of 8 MiB ---------------------------------------


def times() -> Any:
    import numpy

    return numpy.arange(ELEMENTS).astype("M8[ns]")


def every_other() -> Any:
    import numpy

    return numpy.arange(2 * ELEMENTS)[::2]


def pandas_frame() -> Any:
    import numpy
    import pandas

    return pandas.DataFrame({"number": numpy.arange(ELEMENTS, dtype="f8"), "time": times()})


def polars_frame() -> Any:
    import numpy
    import polars

    return polars.DataFrame({"number": numpy.arange(ELEMENTS, dtype="f8"), "whole": numpy.arange(ELEMENTS)})


def arrow_table() -> Any:
    import numpy
    import pyarrow

    return pyarrow.table({"number": numpy.arange(ELEMENTS, dtype="f8"), "whole": numpy.arange(ELEMENTS)})


def tensor() -> Any:
    import torch

    torch.set_num_threads(1)
    return torch.arange(ELEMENTS, dtype=torch.float64)


def small_tensor() -> Any:
    import torch

    return torch.arange(10)


# -- the loader of batches -------------------------------------------------------------------------

PIXELS = 3 * 64 * 64
BATCH = 16
WORKERS = 2


class Images:
    """A data set: images of which each is made when it is asked for."""

    def __init__(self, number: int) -> None:
        import torch

        self._number = number
        self._images = torch.rand(64, PIXELS)

    def __len__(self) -> int:
        return self._number

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self._images[index % 64] + 0, index


def batches(context: Any, n: int) -> float:
    """Seconds for n batches."""
    import torch
    from torch.utils.data import DataLoader

    torch.set_num_threads(1)
    loader = DataLoader(
        Images(n * BATCH), BATCH, num_workers=WORKERS, multiprocessing_context=context, persistent_workers=True
    )
    assert sum(1 for _ in loader) == n  # the workers are started
    start = perf_counter()
    assert sum(int(numbers.sum()) for _, numbers in loader) == sum(range(n * BATCH))
    return perf_counter() - start


def our_batches(n: int) -> float:
    import processing

    return batches(processing.get_context("fork"), n)


def torchs_batches(n: int) -> float:
    return batches("fork", n)


def row(name: str, what: str, make: Callable[[], Any]) -> Row:
    return Row(
        name,
        f"queue, {what}, and back",
        "trip",
        partial(ours, make, the_same),
        (Peer("mp", partial(mp, make, the_same)),),
    )


def tensor_row(name: str, what: str, make: Callable[[], Any]) -> Row:
    peer = Peer("torch.multiprocessing", partial(torch_mp, make, copy_of))
    return Row(name, f"queue, {what}, and back", "trip", partial(ours, make, copy_of), (peer,))


_ALL = {
    "numpy": [
        row("queue-times", "8 MiB of NumPy's times", times),
        row("queue-part", "every other of 16 MiB, NumPy", every_other),
    ],
    "pandas": [row("queue-pandas", "16 MiB of a pandas frame", pandas_frame)],
    "polars": [row("queue-polars", "16 MiB of a polars frame", polars_frame)],
    "pyarrow": [row("queue-pyarrow", "16 MiB of a pyarrow table", arrow_table)],
    "torch": [
        tensor_row("queue-tensor", "8 MiB of a tensor", tensor),
        tensor_row("queue-tensor-small", "a tensor of 10", small_tensor),
        Row(
            "data-loader",
            "DataLoader, 768 KiB a batch",
            "batch",
            our_batches,
            (Peer("torch.multiprocessing", torchs_batches, 1),),
            first=20,
        ),
    ],
}

ROWS = [row for library, rows in _ALL.items() if importlib.util.find_spec(library) for row in rows]
