"""`DictProxy`: a dict that lives in a manager's server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping

from processing_core.annotations import Any, ClassVar, Generic, TypeVar, overload
from processing_managers._proxies.proxy import BaseProxy, plain

__all__ = ["DictProxy"]

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")
E = TypeVar("E")

_KEYS_BETWEEN_LOOKS = 64


class DictProxy(BaseProxy, Generic[K, V]):
    """A dict in a manager's server: its methods and operators, each of which is one call.

    A call returns a copy: ``proxy["a"].append(1)`` changes the copy of a value, unless the value is itself a
    managed object.  Proxies and dicts are compared by value; a proxy's hash is that of the referent's name.
    """

    _exposed_: ClassVar[tuple[str, ...] | None] = (
        *("__contains__", "__delitem__", "__getitem__", "__ior__", "__iter__", "__len__", "__or__", "__reversed__"),
        *(
            "__ror__",
            "__setitem__",
            "clear",
            "copy",
            "fromkeys",
            "get",
            "items",
            "keys",
            "pop",
            "popitem",
            "setdefault",
        ),
        *("update", "values"),
    )

    def clear(self) -> None:
        """Remove everything."""
        self._callmethod("clear")

    def copy(self) -> dict[K, V]:
        """The dict as it is now, here."""
        result: dict[K, V] = self._callmethod("copy")
        return result

    @overload
    def fromkeys(self, keys: Iterable[D], /) -> dict[D, None]: ...
    @overload
    def fromkeys(self, keys: Iterable[D], value: E, /) -> dict[D, E]: ...
    def fromkeys(self, keys: Iterable[Any], value: Any = None, /) -> dict[Any, Any]:
        """A dict with these keys, each of which has the same value: made by the referent's class, and fetched."""
        result: dict[Any, Any] = self._callmethod("fromkeys", (tuple(keys), value))
        return result

    @overload
    def get(self, key: K, /) -> V | None: ...
    @overload
    def get(self, key: K, default: V | D, /) -> V | D: ...
    def get(self, key: K, default: Any = None, /) -> Any:
        """The value of ``key``; if it has none, ``default``."""
        return self._callmethod("get", (key, default))

    def items(self) -> list[tuple[K, V]]:
        """The pairs of keys and values as they are now."""
        result: list[tuple[K, V]] = self._callmethod("items")
        return result

    def keys(self) -> list[K]:
        """The keys as they are now."""
        result: list[K] = self._callmethod("keys")
        return result

    def values(self) -> list[V]:
        """The values as they are now."""
        result: list[V] = self._callmethod("values")
        return result

    @overload
    def pop(self, key: K, /) -> V: ...
    @overload
    def pop(self, key: K, default: V | D, /) -> V | D: ...
    def pop(self, *key_and_default: Any) -> Any:
        """Remove ``key``, and return its value; if it has none, ``default``.

        :raises KeyError: if it has none, and there is no default.
        """
        return self._callmethod("pop", key_and_default)

    def popitem(self) -> tuple[K, V]:
        """Remove the pair that was added last, and return it.

        :raises KeyError: if it is empty.
        """
        result: tuple[K, V] = self._callmethod("popitem")
        return result

    def setdefault(self, key: K, *default: V) -> V:
        """The value of ``key``, which becomes ``default`` if it has none."""
        result: V = self._callmethod("setdefault", (key, *default))
        return result

    def update(self, *other: Mapping[K, V] | Iterable[tuple[K, V]], **pairs: V) -> None:
        """Take over the pairs of another mapping, or of an iterable, and keyword arguments."""
        self._callmethod("update", tuple(map(_pairs, other)), pairs)

    def __len__(self) -> int:
        result: int = self._callmethod("__len__")
        return result

    def __contains__(self, key: object) -> bool:
        return bool(self._callmethod("__contains__", (key,)))

    def __iter__(self) -> Iterator[K]:
        return self._unchanged(list(self.keys()))

    def __reversed__(self) -> Iterator[K]:
        return iter(list(self.keys())[::-1])  # as multiprocessing: of the keys that it has now

    def _unchanged(self, keys: list[K]) -> Iterator[K]:
        """Iterate over these keys; as a dict's iterator, raise if their number changes meanwhile.

        To ask costs a call: that is done before the first key, every now and then, and after the last.
        """
        for position, key in enumerate(keys):
            if position % _KEYS_BETWEEN_LOOKS == 0:
                self._check_size(len(keys))
            yield key
        self._check_size(len(keys))

    def _check_size(self, expected: int) -> None:
        if len(self) != expected:
            raise RuntimeError("dictionary changed size during iteration")

    def __getitem__(self, key: K, /) -> V:
        result: V = self._callmethod("__getitem__", (key,))
        return result

    def __setitem__(self, key: K, value: V, /) -> None:
        self._callmethod("__setitem__", (key, value))

    def __delitem__(self, key: K, /) -> None:
        self._callmethod("__delitem__", (key,))

    def __or__(self, other: dict[K, V] | DictProxy[K, V], /) -> dict[K, V]:
        result: dict[K, V] = self.copy() | plain(other)
        return result

    def __ror__(self, other: dict[K, V], /) -> dict[K, V]:
        return other | self.copy()

    def __ior__(  # type: ignore[misc]
        self, other: Mapping[K, V] | Iterable[tuple[K, V]], /
    ) -> DictProxy[K, V]:
        self.update(other)
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (dict, DictProxy)):
            return NotImplemented
        return bool(self.copy() == plain(other))

    def __hash__(self) -> int:
        return hash(self._id)


MutableMapping.register(DictProxy)


def _pairs(other: Any) -> Any:
    if isinstance(other, BaseProxy):
        return plain(other)
    return other if isinstance(other, (dict, list, tuple)) else dict(other)
