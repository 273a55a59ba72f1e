"""`SequenceProxy`: what lists and arrays have in common when they live in a manager's server."""

from __future__ import annotations

from processing_core.annotations import Any, Generic, Self, SupportsIndex, TypeVar
from processing_managers._proxies.proxy import BaseProxy, plain

__all__ = ["SequenceProxy"]

T = TypeVar("T")
S = TypeVar("S")  # what it stands for


class SequenceProxy(BaseProxy, Generic[T, S]):
    """Methods and operators of a mutable sequence in a manager's server, each of which is one call.

    Proxies and sequences are compared by value.
    """

    def append(self, item: T, /) -> None:
        """Add ``item`` at the end."""
        self._callmethod("append", (item,))

    def count(self, item: T, /) -> int:
        """How often ``item`` occurs."""
        result: int = self._callmethod("count", (item,))
        return result

    def index(self, item: T, *start_and_stop: int) -> int:
        """Where ``item`` occurs first.

        :raises ValueError: if it does not.
        """
        result: int = self._callmethod("index", (item, *start_and_stop))
        return result

    def insert(self, index: SupportsIndex, item: T, /) -> None:
        """Add ``item`` before ``index``."""
        self._callmethod("insert", (index, item))

    def pop(self, index: SupportsIndex = -1, /) -> T:
        """Remove an item, and return it.

        :raises IndexError: if there is none.
        """
        result: T = self._callmethod("pop", (index,))
        return result

    def remove(self, item: T, /) -> None:
        """Remove the first that equals ``item``.

        :raises ValueError: if there is none.
        """
        self._callmethod("remove", (item,))

    def reverse(self) -> None:
        """Turn the order around."""
        self._callmethod("reverse")

    def __len__(self) -> int:
        result: int = self._callmethod("__len__")
        return result

    def __contains__(self, item: object) -> bool:
        return bool(self._callmethod("__contains__", (item,)))

    def __delitem__(self, index: SupportsIndex | slice[Any, Any, Any], /) -> None:
        self._callmethod("__delitem__", (index,))

    def __imul__(self, times: SupportsIndex, /) -> Self:
        self._callmethod("__imul__", (times,))
        return self

    def __lt__(self, other: S | SequenceProxy[T, S], /) -> bool:
        return bool(self._getvalue() < plain(other))

    def __le__(self, other: S | SequenceProxy[T, S], /) -> bool:
        return bool(self._getvalue() <= plain(other))

    def __gt__(self, other: S | SequenceProxy[T, S], /) -> bool:
        return bool(self._getvalue() > plain(other))

    def __ge__(self, other: S | SequenceProxy[T, S], /) -> bool:
        return bool(self._getvalue() >= plain(other))
