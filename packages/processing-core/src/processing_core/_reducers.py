"""Reducers of the program's own: how objects of a type are pickled for other processes."""

from __future__ import annotations

import collections
import copyreg
import functools
import io
import pickle
from collections.abc import Callable, Mapping
from pickle import loads

from processing_core.annotations import Any, ClassVar, SupportsIndex, TypeVar

__all__ = ["ForkingPickler", "by_value_pickler", "registered", "visit_by_value"]

T = TypeVar("T")

_PROTOCOL = 5

_table: dict[type[Any], Callable[[Any], Any]] = {}


class ForkingPickler(pickle.Pickler):
    """The pickler of what travels between processes; a program may teach it types.

    What it was taught counts for everything that goes to another process: arguments, tasks, results, messages.
    Thread-safe; a child must be taught again, unless it was forked.

    >>> from processing.reduction import ForkingPickler
    >>> ForkingPickler.loads(ForkingPickler.dumps([1, 2]))
    [1, 2]
    """

    loads: ClassVar[Callable[..., Any]] = staticmethod(loads)

    def __init__(self, *args: Any, **kwds: Any) -> None:
        super().__init__(*args, **kwds)
        self.dispatch_table: Mapping[type, Callable[[Any], Any]] = {**copyreg.dispatch_table, **_table}

    @classmethod
    def register(cls, type: type[T], reduce: Callable[[T], Any]) -> None:  # noqa: A002
        """Pickle objects of a type by a function.  Does not block.

        :param type: that very type, not those derived from it.
        :param reduce: returns what ``__reduce__`` would.
        """
        _table[type] = reduce

    @classmethod
    def dumps(cls, obj: Any, protocol: SupportsIndex | None = None) -> memoryview:
        """The bytes of an object.  Does not block, but for what the object's own code does.

        :param protocol: pickle's; ``None`` for its default.
        :raises Exception: whatever the pickling raises.
        """
        buffer = io.BytesIO()
        cls(buffer, protocol).dump(obj)
        return buffer.getbuffer()


def registered() -> bool:
    """Whether anything was registered."""
    return bool(_table)


def visit_by_value(obj: Any, visit: Callable[[Any], None] = lambda _: None) -> None:
    """Pickle ``obj`` by value, for nothing but to call ``visit`` with each object that is pickled.

    :raises Exception: as the pickling does; what was visited last is what could not be pickled.
    """

    class Visitor(by_value_pickler()):  # type: ignore[misc]
        def persistent_id(self, obj: Any) -> None:
            visit(obj)

    Visitor(_Nowhere(), _PROTOCOL).dump(obj)


class _Nowhere(io.RawIOBase):
    def write(self, data: Any) -> int:
        return len(data)


@functools.cache
def by_value_pickler() -> Any:
    """The pickler of cloudpickle, with the registered reducers; it knows sockets too, which plain pickle refuses."""
    import socket

    import cloudpickle

    from processing_core._sockets import reduce_socket

    class ByValuePickler(cloudpickle.Pickler):  # type: ignore[misc]
        dispatch_table = collections.ChainMap(
            _table, {socket.socket: reduce_socket}, cloudpickle.Pickler.dispatch_table
        )

    return ByValuePickler
