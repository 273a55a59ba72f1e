"""`SetProxy`: a set that lives in a manager's server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableSet

from processing_core.annotations import Any, ClassVar, Generic, TypeVar
from processing_managers._proxies.proxy import BaseProxy, plain

__all__ = ["SetProxy"]

T = TypeVar("T")


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


MutableSet.register(SetProxy)


def _set(items: Any) -> Any:
    if isinstance(items, BaseProxy):
        return plain(items)
    return items if isinstance(items, (set, frozenset)) else set(items)


def _operand(other: Any) -> set[Any]:
    other = plain(other)
    if isinstance(other, (set, frozenset)):
        return other  # type: ignore[return-value]
    raise TypeError(f"unsupported operand: a set is needed, not {type(other).__name__!r}")
