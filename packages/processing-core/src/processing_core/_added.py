"""What programs add to the classes of this project: parameters of an `__init__`, and attributes, which are pickled.

A handle is created by `__new__`, which takes the parameters of its kind.  A class that a program derives may have an
`__init__` with other parameters.  So `__new__` first creates its objects without arguments; then the program's
`__init__` calls `Handle.__init__` with the arguments of the kind, which creates the object again.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet

from processing_core._native import _kernel
from processing_core.annotations import Any

__all__ = ["Derivable", "added_attributes"]


_OURS = frozenset(f"processing_{name}" for name in ("core", "sync", "queues", "managers", "pool"))


def added_attributes(obj: object, own: AbstractSet[str]) -> dict[str, Any]:
    """The attributes that a program has added to an object of this project's class.

    :param own: the names that the class itself gives to its objects' attributes.
    """
    return {name: value for name, value in vars(obj).items() if name not in own}


class Derivable:
    """The base of all public classes of handles; it lets programs derive from them as from any other class."""

    __slots__ = ()

    def __init_subclass__(cls, **kwds: Any) -> None:
        super().__init_subclass__(**kwds)
        if _is_ours(cls):
            return
        if cls.__init__ is not _kernel.Handle.__init__:
            _make_without_arguments(cls)
        if cls.__dictoffset__ and not getattr(cls.__reduce__, "carries", False):
            _carry_attributes(cls)

    def __setstate__(self, state: Any) -> None:
        # Called by the `__setstate__` of a program's class with what `object.__getstate__` returned.
        for part in state if isinstance(state, tuple) else (state,):  # of its dictionary, of its slots
            for name, value in (part or {}).items():
                setattr(self, name, value)


def _make_without_arguments(cls: type[Any]) -> None:
    """Let `__new__` ignore the arguments for objects of a program's class, unless it is the kernel's, which does so."""
    definer: Any = _definer(cls, "__new__")
    if not _is_ours(definer) or definer.__module__ == _kernel.__name__:
        return

    def new(cls: type[Any], *args: object, **kwds: object) -> Any:
        return definer.__new__(cls)

    cls.__new__ = staticmethod(new)  # type: ignore[assignment]


def _carry_attributes(cls: type[Any]) -> None:
    """Pickle the attributes of a class's objects with them, or what its ``__getstate__`` returns."""
    inherited: Callable[[Any], tuple[Any, ...]] = cls.__reduce__  # type: ignore[assignment]
    if not _is_ours(_definer(cls, "__reduce__")):
        return

    def reduce(self: Any) -> tuple[Any, ...]:
        make, args, *state = inherited(self)
        added = self.__getstate__() if _definer(type(self), "__getstate__") is not object else vars(self)
        return _rebuilt, (make, args, state, added)

    reduce.carries = True  # type: ignore[attr-defined]
    cls.__reduce__ = reduce  # type: ignore[assignment]


def _rebuilt(make: Callable[..., Any], args: tuple[Any, ...], state: list[Any], added: Any) -> Any:
    made = make(*args)
    cls = type(made)
    if state:
        ours = next(base for base in cls.__mro__ if _is_ours(base) and "__setstate__" in vars(base))
        ours.__setstate__(made, *state)  # type: ignore[attr-defined]
    if _is_ours(_definer(cls, "__setstate__")):
        made.__dict__.update(added or {})
    else:
        made.__setstate__(added)
    return made


def _definer(cls: type[Any], name: str) -> type[Any]:
    return next(base for base in cls.__mro__ if name in vars(base))


def _is_ours(cls: type[Any]) -> bool:
    return cls.__module__.partition(".")[0] in _OURS
