"""The functions of jobs and calls: packed once by the parent, kept by the workers.

The parent packs (how to apply it, function) once a job; a task carries only the argument and the parcel's cell.  Calls
share such a parcel if their function is pickled by its name, which is to say that it has no state of its own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import starmap
from types import BuiltinFunctionType, FunctionType

from processing_core.annotations import Any, NamedTuple
from processing_core.lowlevel import Parcel, attach, dumps, family, pack, unpack
from processing_pool._messages import untaken

__all__ = ["CALL", "ITEM", "STAR", "Functions", "Initializer", "Named", "uncallable"]

Function = Callable[..., Any]
Initializer = Callable[..., object]

ITEM = 0
"""The payload is the function's argument."""
STAR = 1
"""The payload is the tuple of its arguments."""
CALL = 2
"""The payload is (cell, args, kwds); the function is applied by the worker itself."""

CACHED = 16
"""More functions than these at a time make workers unpickle one again."""

NAMED = 64
"""Functions that the parent keeps packed for its calls."""

BY_NAME = (FunctionType, BuiltinFunctionType, type)


def uncallable(kind: str) -> None:
    """What a call of something that cannot be called does in the worker.

    :raises TypeError: always.
    """
    raise TypeError(f"{kind!r} object is not callable")


class Named:
    """The functions of the latest calls, packed.  (Measured: pickling and unpickling one took 4 of a call's 12 us.)"""

    def __init__(self) -> None:
        self._parcels: dict[Function, Parcel | None] = {}

    def get(self, function: Function) -> Parcel | None:
        """The function's parcel; ``None`` if it must be pickled with each call.

        Whoever sends the parcel's cell keeps the parcel until the result is there.
        """
        if type(function) not in BY_NAME:
            return None
        try:
            return self._parcels[function]
        except KeyError:
            return self._add(function)

    def _add(self, function: Function) -> Parcel | None:
        try:
            named = b"cloudpickle" not in dumps(function)
        except Exception:
            named = False  # the call itself will say why
        parcel = pack((CALL, function)) if named else None
        self._parcels[function] = parcel
        if len(self._parcels) > NAMED:
            self._parcels.pop(next(iter(self._parcels)), None)
        return parcel


class Kept(NamedTuple):
    """A function in a worker.

    The parcel's handle is kept beside it: as long as it is, its cell cannot become another job's.
    """

    how: int
    function: Function
    parcel: Parcel

    def run(self, item: Any) -> Any:
        """Do one task."""
        return self.function(*item) if self.how == STAR else self.function(item)

    def each(self, items: Iterable[Any]) -> Iterator[Any]:
        """Do one task at each step."""
        return starmap(self.function, items) if self.how == STAR else map(self.function, items)


class Functions:
    """What this worker keeps of the jobs that it saw last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Kept] = OrderedDict()

    def __getitem__(self, cell: int) -> Kept:
        """How a job's tasks are run.

        :raises MaybeEncodingError: if the function cannot be unpickled.
        """
        kept = self._kept.get(cell)
        return kept if kept is not None else self._fetch(cell)

    def each(self, cell: int, items: Iterable[Any]) -> Iterator[Any]:
        """Do one task at each step; what cannot be done fails at each."""
        try:
            return self[cell].each(items)
        except Exception as error:
            return map(partial(_refuse, error), items)

    def _fetch(self, cell: int) -> Kept:
        try:
            parcel = attach(Parcel, family(), cell)
            how, function = unpack(parcel, share=True)  # its large buffers are read-only: others have them, too
        except Exception as error:
            raise untaken(error, "the function, which did not unpickle in the worker") from error
        kept = self._kept[cell] = Kept(how, function, parcel)
        if len(self._kept) > CACHED:
            self._kept.popitem(last=False)
        return kept


def _refuse(reason: Exception, _: object) -> None:
    raise reason
