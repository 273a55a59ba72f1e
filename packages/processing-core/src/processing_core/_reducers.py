"""Reducers that a program registers: how objects of a type are pickled for other processes."""

from __future__ import annotations

import _pickle as pickle
import collections
import copyreg
import functools
import io
import sys
import types
from _pickle import loads
from collections.abc import Callable, Mapping

from processing_core import _guarded
from processing_core._fds.descriptors import limit_named
from processing_core.annotations import Any, ClassVar, SupportsIndex, TypeVar

__all__ = ["ForkingPickler", "by_value_pickler", "is_registered", "pickler", "registered", "use", "visit_by_value"]

T = TypeVar("T")

_PROTOCOL = 5

_table: dict[type[Any], Callable[[Any], Any]] = {}


class ForkingPickler(pickle.Pickler):
    """The pickler of everything that is sent between processes; a program can register reducers with it.

    A registered reducer is used for every object of its type that is sent to another process: in arguments, tasks,
    results and messages. Thread-safe; a child process must register its reducers again, unless it was forked.

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

        :param type: this type only, not the types derived from it.
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


class _State:
    pickler: type[pickle.Pickler] = ForkingPickler


_state = _State()


def registered() -> bool:
    """Whether the program has registered a reducer or chosen a pickler."""
    return bool(_table) or _state.pickler is not ForkingPickler


def is_registered(kind: type) -> bool:
    """Whether the program has registered a reducer for this type; not for one that it derives from."""
    return kind in _table


def pickler() -> type[pickle.Pickler]:
    """The class that pickles what is sent to other processes, if `registered`."""
    return _state.pickler


def use(chosen: type[pickle.Pickler]) -> None:
    """Pickle what is sent to other processes by a class of the program."""
    _state.pickler = chosen


def visit_by_value(obj: Any, visit: Callable[[Any], None] = lambda _: None) -> None:
    """Pickle ``obj`` by value, only to call ``visit`` with each object that is pickled.

    :raises Exception: what the pickling raises; the object that was visited last is the one that cannot be pickled.
    """

    class Visitor(by_value_pickler()):  # type: ignore[misc]
        def persistent_id(self, obj: Any) -> None:
            visit(obj)

    Visitor(_Nowhere(), _PROTOCOL).dump(obj)


class _Nowhere(io.RawIOBase):
    def write(self, data: Any) -> int:
        return len(data)


def by_value_pickler() -> Any:
    """The pickler of cloudpickle, with the program's reducers; it also pickles sockets, which plain pickle refuses."""
    chosen: Any = _state.pickler
    return _by_value_with(chosen)


@functools.lru_cache(4)
def _by_value_with(chosen: Any) -> Any:
    """A class that asks the program's pickler first, then cloudpickle's."""
    by_value = _by_value()
    if chosen is ForkingPickler:
        return by_value

    class ChosenPickler(chosen, by_value):  # type: ignore[misc, valid-type]
        dispatch_table: Any

        def __init__(self, *args: Any, **kwds: Any) -> None:
            super().__init__(*args, **kwds)
            self.dispatch_table = collections.ChainMap(self.dispatch_table, by_value.dispatch_table)

        def reducer_override(self, obj: Any) -> Any:
            reduced = super().reducer_override(obj)
            return by_value.reducer_override(self, obj) if reduced is NotImplemented else reduced

    return ChosenPickler


@functools.cache
@limit_named()
def _by_value() -> Any:
    import socket

    import cloudpickle

    from processing_core._fds.sockets import reduce_socket

    class ByValuePickler(cloudpickle.Pickler):  # type: ignore[misc]
        dispatch_table = collections.ChainMap(
            _table,
            {socket.socket: reduce_socket, io.TextIOWrapper: _reduce_text_file, memoryview: _refuse_memoryview},
            cloudpickle.Pickler.dispatch_table,
        )

        def dump(self, obj: Any) -> Any:
            """Pickle as plain pickle does: cloudpickle's method replaces a `RecursionError` by another error."""
            return pickle.Pickler.dump(self, obj)

        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, (types.FunctionType, type)) and _guarded.is_shared(obj):
                return NotImplemented  # by its name
            if type(obj) is _CACHED and not _guarded.is_found(obj):
                return _cached, (obj.__wrapped__, *obj.cache_parameters().values()), vars(obj)
            reduced = super().reducer_override(obj)
            return _as_made(obj, reduced) if isinstance(obj, type) and reduced is not NotImplemented else reduced

    return ByValuePickler


_CACHED = type(functools.lru_cache(bool))


def _cached(function: Callable[..., Any], maxsize: int | None, typed: bool) -> Any:
    """A function with a cache of its own, as :func:`functools.lru_cache` makes it."""
    return functools.lru_cache(maxsize, typed)(function)


def _as_made(kind: Any, reduced: Any) -> Any:
    """The reduction of a class by cloudpickle, with what a class must be given as it is made.

    cloudpickle sets these as attributes of the finished class. So instances of a class with slots have a dictionary
    there, and do not unpickle where the class has slots; and a class that has aliases of its members refuses them.
    """
    maker = getattr(reduced[0], "__name__", "")
    if maker not in ("_make_skeleton_class", "_make_skeleton_enum"):
        return reduced  # a builtin type, by its name
    make, arguments, (attributes, added), *rest = reduced
    if maker == "_make_skeleton_class" and "__slots__" in attributes and not issubclass(kind, tuple):  # those have none
        metaclass, name, bases, namespace, *others = arguments
        arguments = metaclass, name, bases, {**namespace, "__slots__": attributes["__slots__"]}, *others
        attributes = {
            key: value
            for key, value in attributes.items()
            if key != "__slots__" and not isinstance(value, types.MemberDescriptorType)  # one for each slot
        }
    elif maker == "_make_skeleton_enum":  # cloudpickle leaves out the aliases of members
        bases, name, qualified, _, *others = arguments
        members = {key: member.value for key, member in kind.__members__.items()}
        arguments = bases, name, qualified, members, *others
        attributes = {key: value for key, value in attributes.items() if key not in members}
    return make, arguments, (attributes, added), *rest


# cloudpickle copies a file's content into a `StringIO`, and a memory view into `bytes`.  The receiver would get objects
# of other types than the program sent, so both are refused, as plain pickle refuses them.


def _reduce_text_file(file: io.TextIOWrapper) -> Any:
    for name in ("stdout", "stderr"):
        if file is getattr(sys, name):
            return getattr, (sys, name)  # the receiver's own stream; a function of a REPL or a notebook may refer to it
    raise TypeError(f"cannot pickle an open file, {file!r}: send its name, or what it contains")


def _refuse_memoryview(view: memoryview) -> Any:
    raise TypeError(f"cannot pickle a memoryview, {view!r}: send bytes(view), or pickle.PickleBuffer(view)")
