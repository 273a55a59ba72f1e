"""The functions of jobs and calls: packed once by the parent, cached by the workers.

The parent packs (how to apply it, function) once a job; a task carries only the argument and the parcel's cell.  Calls
share such a parcel if their function is pickled by its name, and so has no state of its own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import starmap
from types import BuiltinFunctionType, FunctionType

from processing_core.annotations import Any
from processing_core.lowlevel import Parcel, attach, dumps, family, is_coroutine_function, pack_shared, unpack
from processing_pool._messages import unpickling_failed
from processing_pool._outcomes import name_of, plain_text

__all__ = ["CALL", "ITEM", "STAR", "FunctionCache", "FunctionParcels", "FunctionParcel", "runnable", "uncallable"]

Function = Callable[..., Any]

ITEM = 0
"""The payload is the function's argument."""
STAR = 1
"""The payload is the tuple of its arguments."""
CALL = 2
"""The payload is (cell, args, kwds); the function is applied by the worker itself."""

CACHED_FUNCTIONS = 16
"""Functions that a worker keeps; it unpickles one again that it has dropped."""

CACHED_PARCELS = 64
"""Functions that the parent keeps in parcels for its calls."""

BY_NAME = (FunctionType, BuiltinFunctionType, type)


def uncallable(kind: str) -> None:
    """What a worker runs for a call whose function cannot be called.

    :raises TypeError: always.
    """
    raise TypeError(f"{kind!r} object is not callable")


def runnable(function: Function) -> Function:
    """What a worker calls: for an ``async def`` function, one that runs it in an event loop of the worker."""
    if not is_coroutine_function(function):
        return function
    from processing_core.lowlevel import CoroutineTask

    return CoroutineTask(function)


class FunctionParcel:
    """A function in a parcel.  As long as this object is kept, the parcel's cell cannot become another's."""

    __slots__ = ("_descriptors", "_parcel", "job_id")

    def __init__(self, how: int, function: Function) -> None:
        parcel: Parcel
        parcel, self._descriptors = pack_shared((how, function))
        self._parcel = parcel
        # The cell as one number: what its pickled handle holds, and what attaches to it.
        index, generation = parcel.cell
        self.job_id: int = generation << 32 | index


class FunctionParcels:
    """The functions of the latest calls, packed.  (Measured: pickling and unpickling one took 4 of a call's 12 us.)"""

    def __init__(self) -> None:
        self._packed: dict[Function, FunctionParcel | None] = {}

    def get(self, function: Function) -> FunctionParcel | None:
        """The function, packed; ``None`` if it must be pickled with each call.

        The caller keeps the returned object until it has sent the result.
        """
        if type(function) not in BY_NAME:
            return None
        try:
            return self._packed[function]
        except KeyError:
            return self._add(function)

    def _add(self, function: Function) -> FunctionParcel | None:
        named = b"cloudpickle" not in dumps(function) and not is_coroutine_function(function)
        packed = FunctionParcel(CALL, function) if named else None
        self._packed[function] = packed
        if len(self._packed) > CACHED_PARCELS:
            self._packed.pop(next(iter(self._packed)), None)
        return packed


class CachedFunction:
    """A function in a worker.

    This also keeps the parcel's handle: as long as it exists, the parcel's cell cannot become another job's.
    """

    __slots__ = ("function", "how", "parcel")

    def __init__(self, how: int, function: Function, parcel: Parcel) -> None:
        self.how = how
        self.function = function
        self.parcel = parcel

    def run(self, item: Any) -> Any:
        """Do one task."""
        return self.function(*item) if self.how == STAR else self.function(item)

    def each(self, items: Iterable[Any]) -> Iterator[Any]:
        """Do one task at each step."""
        return starmap(self.function, items) if self.how == STAR else map(self.function, items)


def _forget_name(cell: int, name: str) -> None:
    pass


class FunctionCache:
    """What this worker keeps of the jobs that it saw last.

    :param named: is called with the cell and the function's name, for introspection.
    """

    def __init__(self, named: Callable[[int, str], object] = _forget_name) -> None:
        self.named = named
        self._cached: OrderedDict[int, CachedFunction] = OrderedDict()

    def __getitem__(self, cell: int) -> CachedFunction:
        """How a job's tasks are run.

        :raises MaybeEncodingError: if the function cannot be unpickled.
        """
        cached = self._cached.get(cell)
        return cached if cached is not None else self._fetch(cell)

    def each(self, cell: int, items: Iterable[Any]) -> Iterator[Any]:
        """Do one task at each step; what cannot be done fails at each."""
        try:
            return self[cell].each(items)
        except Exception as error:
            return map(partial(_refuse, error), items)

    def _fetch(self, cell: int) -> CachedFunction:
        try:
            parcel = attach(Parcel, family(), cell)
            how, function = unpack(parcel, share=True)  # its large buffers are read-only: others have them, too
        except Exception as error:
            raise unpickling_failed(error, "the function, which did not unpickle in the worker") from error
        cached = self._cached[cell] = CachedFunction(how, function, parcel)
        self.named(cell, plain_text(name_of(function)))
        if len(self._cached) > CACHED_FUNCTIONS:
            self._cached.popitem(last=False)
        return cached


def _refuse(reason: Exception, _: object) -> None:
    raise reason
