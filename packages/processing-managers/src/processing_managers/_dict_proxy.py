"""`DictProxy` and `SetProxy`: dicts and sets that live in a manager's server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from processing_core.annotations import Any, ClassVar, Generic, TypeVar, overload
from processing_managers._proxy import BaseProxy, plain

__all__ = ["DictProxy", "IteratorProxy", "SetProxy"]

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class DictProxy(BaseProxy, Generic[K, V]):
    """A dict in a manager's server: its methods and operators, each of which is one call.

    What is fetched is a copy: ``proxy["a"].append(1)`` changes the copy of a value, unless the value is itself a
    managed object.  Proxies and dicts are compared by value; a proxy's hash is that of the referent's name.
    """

    _exposed_: ClassVar[tuple[str, ...] | None] = (
        *("__contains__", "__delitem__", "__getitem__", "__ior__", "__iter__", "__len__", "__or__", "__reversed__"),
        *("__ror__", "__setitem__", "clear", "copy", "get", "items", "keys", "pop", "popitem", "setdefault", "update"),
        "values",
    )

    def clear(self) -> None:
        """Remove everything."""
        self._callmethod("clear")

    def copy(self) -> dict[K, V]:
        """The dict as it is now, here."""
        result: dict[K, V] = self._callmethod("copy")
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
        return iter(self.keys())

    def __reversed__(self) -> Iterator[K]:
        return reversed(self.keys())

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


class SetProxy(BaseProxy, Generic[T]):
    """A set in a manager's server: its methods and operators, each of which is one call.

    Proxies and sets are compared by value; a proxy's hash is that of the referent's name.
    """

    _exposed_: ClassVar[tuple[str, ...] | None] = (
        *("__contains__", "__len__", "add", "clear", "copy", "difference_update", "discard", "intersection_update"),
        *("pop", "remove", "symmetric_difference_update", "update"),
    )

    def add(self, item: T, /) -> None:
        """Add ``item``, unless it is there."""
        self._callmethod("add", (item,))

    def clear(self) -> None:
        """Remove every item."""
        self._callmethod("clear")

    def copy(self) -> set[T]:
        """The set as it is now, here."""
        result: set[T] = self._callmethod("copy")
        return result

    def discard(self, item: T, /) -> None:
        """Remove ``item``, if it is there."""
        self._callmethod("discard", (item,))

    def pop(self) -> T:
        """Remove any item, and return it.

        :raises KeyError: if it is empty.
        """
        result: T = self._callmethod("pop")
        return result

    def remove(self, item: T, /) -> None:
        """Remove ``item``.

        :raises KeyError: if it is not there.
        """
        self._callmethod("remove", (item,))

    def update(self, *others: Iterable[T]) -> None:
        """Add the items of the others."""
        self._callmethod("update", tuple(map(_set, others)))

    def difference_update(self, *others: Iterable[Any]) -> None:
        """Remove the items of the others."""
        self._callmethod("difference_update", tuple(map(_set, others)))

    def intersection_update(self, *others: Iterable[Any]) -> None:
        """Keep the items that all others have too."""
        self._callmethod("intersection_update", tuple(map(_set, others)))

    def symmetric_difference_update(self, other: Iterable[T], /) -> None:
        """Keep the items that only one of the two has."""
        self._callmethod("symmetric_difference_update", (_set(other),))

    def difference(self, *others: Iterable[Any]) -> set[T]:
        """The items that none of the others has."""
        return self.copy().difference(*map(_set, others))

    def intersection(self, *others: Iterable[Any]) -> set[T]:
        """The items that all others have too."""
        return self.copy().intersection(*map(_set, others))

    def symmetric_difference(self, other: Iterable[T], /) -> set[T]:
        """The items that only one of the two has."""
        return self.copy().symmetric_difference(_set(other))

    def union(self, *others: Iterable[T]) -> set[T]:
        """The items that any of them has."""
        return self.copy().union(*map(_set, others))

    def isdisjoint(self, other: Iterable[Any], /) -> bool:
        """Whether there is no item that both have."""
        return self.copy().isdisjoint(_set(other))

    def issubset(self, other: Iterable[Any], /) -> bool:
        """Whether the other has every item."""
        return self.copy().issubset(_set(other))

    def issuperset(self, other: Iterable[Any], /) -> bool:
        """Whether this has every item of the other."""
        return self.copy().issuperset(_set(other))

    def __len__(self) -> int:
        result: int = self._callmethod("__len__")
        return result

    def __contains__(self, item: object) -> bool:
        return bool(self._callmethod("__contains__", (item,)))

    def __iter__(self) -> Iterator[T]:
        return iter(self.copy())

    def __and__(self, other: set[Any] | SetProxy[Any], /) -> set[T]:
        return self.copy() & _operand(other)

    def __or__(self, other: set[T] | SetProxy[T], /) -> set[T]:
        return self.copy() | _operand(other)

    def __sub__(self, other: set[Any] | SetProxy[Any], /) -> set[T]:
        return self.copy() - _operand(other)

    def __xor__(self, other: set[T] | SetProxy[T], /) -> set[T]:
        return self.copy() ^ _operand(other)

    def __rand__(self, other: set[Any], /) -> set[T]:
        return self & other

    def __ror__(self, other: set[T], /) -> set[T]:
        return self | other

    def __rxor__(self, other: set[T], /) -> set[T]:
        return self ^ other

    def __rsub__(self, other: set[T], /) -> set[T]:
        return _operand(other) - self.copy()

    def __iand__(self, other: set[Any] | SetProxy[Any], /) -> SetProxy[T]:
        self.intersection_update(_operand(other))
        return self

    def __ior__(self, other: set[T] | SetProxy[T], /) -> SetProxy[T]:
        self.update(_operand(other))
        return self

    def __isub__(self, other: set[Any] | SetProxy[Any], /) -> SetProxy[T]:
        self.difference_update(_operand(other))
        return self

    def __ixor__(self, other: set[T] | SetProxy[T], /) -> SetProxy[T]:
        self.symmetric_difference_update(_operand(other))
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (set, frozenset, SetProxy)):
            return NotImplemented
        return bool(self.copy() == plain(other))

    def __lt__(self, other: set[Any] | SetProxy[Any]) -> bool:
        return self.copy() < _operand(other)

    def __le__(self, other: set[Any] | SetProxy[Any]) -> bool:
        return self.copy() <= _operand(other)

    def __gt__(self, other: set[Any] | SetProxy[Any]) -> bool:
        return self.copy() > _operand(other)

    def __ge__(self, other: set[Any] | SetProxy[Any]) -> bool:
        return self.copy() >= _operand(other)

    def __hash__(self) -> int:
        return hash(self._id)


class IteratorProxy(BaseProxy, Generic[T_co]):
    """An iterator or generator in a manager's server; each item is one call."""

    _exposed_: ClassVar[tuple[str, ...] | None] = ("__next__", "send", "throw", "close")

    def __iter__(self) -> IteratorProxy[T_co]:
        return self

    def __next__(self) -> T_co:
        result: T_co = self._callmethod("__next__")
        return result

    def send(self, value: Any, /) -> T_co:
        """Let the generator's ``yield`` return ``value``; what it yields next."""
        result: T_co = self._callmethod("send", (value,))
        return result

    def throw(self, error: BaseException, /) -> T_co:
        """Let the generator's ``yield`` raise; what it yields next."""
        result: T_co = self._callmethod("throw", (error,))
        return result

    def close(self) -> None:
        """End the generator."""
        self._callmethod("close")


def _pairs(other: Any) -> Any:
    if isinstance(other, BaseProxy):
        return plain(other)
    return other if isinstance(other, (dict, list, tuple)) else dict(other)


def _set(items: Any) -> Any:
    if isinstance(items, BaseProxy):
        return plain(items)
    return items if isinstance(items, (set, frozenset)) else set(items)


def _operand(other: Any) -> set[Any]:
    other = plain(other)
    if isinstance(other, (set, frozenset)):
        return other  # type: ignore[return-value]
    raise TypeError(f"unsupported operand: a set is needed, not {type(other).__name__!r}")
