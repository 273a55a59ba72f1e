"""Nesting: lists, dicts and sets that are put into managed lists and dicts become managed objects themselves.

That is done in the server, with the arguments of the methods that put something into a referent; what was in a
container before it was put there is converted too, however deep.  Subclasses, and containers within tuples or other
objects, stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from processing_core.annotations import Any

__all__ = ["Nesting"]

_TYPES: dict[type, str] = {list: "list", dict: "dict", set: "set"}

# Methods by what their arguments are: things to keep, containers of things to keep, and both, by position.
_THINGS = {"append", "insert", "setdefault"}
_MANY = {"extend", "update", "__iadd__", "__ior__"}


class Nesting:
    """Converts objects that are put into the lists and dicts of a server.

    :param keep: makes an object of a type managed, and returns its proxy.
    """

    def __init__(self, keep: Callable[[str, Any], Any]) -> None:
        self._keep = keep

    def arguments(
        self, typeid: str, method: str, args: tuple[Any, ...], kwds: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """The arguments of a method of a referent, converted."""
        if typeid not in ("list", "dict"):
            return args, kwds
        if method in _MANY:
            return self.contents(typeid, args, kwds)
        if method in _THINGS:
            return tuple(map(self._thing, args)), kwds
        if method == "__setitem__":
            key, value = args
            return (key, self._within(typeid, value) if isinstance(key, slice) else self._thing(value)), kwds
        return args, kwds

    def contents(
        self, typeid: str, args: tuple[Any, ...], kwds: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Arguments that say what a list or dict shall hold."""
        converted = tuple(self._within(typeid, container) for container in args)
        return converted, {name: self._thing(value) for name, value in kwds.items()}

    def _thing(self, thing: Any) -> Any:
        typeid = _TYPES.get(type(thing))
        return thing if typeid is None else self._keep(typeid, self._within(typeid, thing))

    def _within(self, typeid: str, container: Any) -> Any:
        if type(container) is dict:
            return {key: self._thing(value) for key, value in container.items()}
        if type(container) in (list, tuple):
            return [self._pair(item) if typeid == "dict" else self._thing(item) for item in container]
        return container

    def _pair(self, item: Any) -> Any:
        key, value = item
        return key, self._thing(value)
