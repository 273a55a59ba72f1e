"""`ArrayProxy`: an `array.array` that lives in a manager's server."""

from __future__ import annotations

import array
from collections.abc import Iterable, Iterator

from processing_core.annotations import Any, ClassVar, Generic, SupportsIndex, TypeVar, overload
from processing_managers._proxy import BaseProxy, plain

__all__ = ["ArrayProxy"]

T = TypeVar("T")


class ArrayProxy(BaseProxy, Generic[T]):
    """An `array.array` in a manager's server: its methods and operators, each of which is one call.

    Proxies and arrays are compared by value; a proxy's hash is that of the referent's name.  What has to do with
    memory or files of the caller, such as ``buffer_info``, is left to a copy.
    """

    _exposed_: ClassVar[tuple[str, ...] | None] = (
        *("__contains__", "__delitem__", "__getattribute__", "__getitem__", "__iadd__", "__imul__", "__len__"),
        *("__setitem__", "append", "byteswap", "count", "extend", "frombytes", "fromlist", "index", "insert", "pop"),
        *("remove", "reverse", "tobytes", "tolist"),
    )

    @property
    def typecode(self) -> str:
        """The type of its numbers, as `array.array` calls it."""
        result: str = self._callmethod("__getattribute__", ("typecode",))
        return result

    @property
    def itemsize(self) -> int:
        """Bytes of each number."""
        result: int = self._callmethod("__getattribute__", ("itemsize",))
        return result

    def append(self, item: T, /) -> None:
        """Add a number at the end."""
        self._callmethod("append", (item,))

    def byteswap(self) -> None:
        """Turn the bytes of each number around."""
        self._callmethod("byteswap")

    def count(self, item: T, /) -> int:
        """How often a number occurs."""
        result: int = self._callmethod("count", (item,))
        return result

    def extend(self, items: Iterable[T], /) -> None:
        """Add all numbers at the end."""
        self._callmethod("extend", (_items(items),))

    def frombytes(self, data: bytes, /) -> None:
        """Add the numbers that these bytes are.

        :raises ValueError: if they are no whole numbers.
        """
        self._callmethod("frombytes", (data,))

    def fromlist(self, items: list[T], /) -> None:
        """Add all numbers at the end; none, if one is of a wrong type."""
        self._callmethod("fromlist", (plain(items),))

    def index(self, item: T, *start_and_stop: int) -> int:
        """Where a number occurs first.

        :raises ValueError: if it does not.
        """
        result: int = self._callmethod("index", (item, *start_and_stop))
        return result

    def insert(self, index: int, item: T, /) -> None:
        """Add a number before ``index``."""
        self._callmethod("insert", (index, item))

    def pop(self, index: int = -1, /) -> T:
        """Remove a number, and return it.

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

    def tobytes(self) -> bytes:
        """The bytes of all numbers."""
        result: bytes = self._callmethod("tobytes")
        return result

    def tolist(self) -> list[T]:
        """The numbers as they are now."""
        result: list[T] = self._callmethod("tolist")
        return result

    def __len__(self) -> int:
        result: int = self._callmethod("__len__")
        return result

    def __contains__(self, item: object) -> bool:
        return bool(self._callmethod("__contains__", (item,)))

    def __iter__(self) -> Iterator[T]:
        return iter(self.tolist())

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> T: ...
    @overload
    def __getitem__(self, index: slice[Any, Any, Any], /) -> Any: ...
    def __getitem__(self, index: Any, /) -> Any:
        return self._callmethod("__getitem__", (index,))

    def __setitem__(self, index: SupportsIndex | slice[Any, Any, Any], value: Any, /) -> None:
        self._callmethod("__setitem__", (index, plain(value)))

    def __delitem__(self, index: SupportsIndex | slice[Any, Any, Any], /) -> None:
        self._callmethod("__delitem__", (index,))

    def __add__(self, other: Any, /) -> Any:
        return self._getvalue() + plain(other)

    def __radd__(self, other: Any, /) -> Any:
        return other + self._getvalue()

    def __iadd__(self, other: Any, /) -> ArrayProxy[T]:
        self._callmethod("__iadd__", (plain(other),))
        return self

    def __mul__(self, times: int, /) -> Any:
        return self._getvalue() * times

    def __rmul__(self, times: int, /) -> Any:
        return self * times

    def __imul__(self, times: int, /) -> ArrayProxy[T]:
        self._callmethod("__imul__", (times,))
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (array.array, ArrayProxy)):
            return NotImplemented
        return bool(self._getvalue() == plain(other))

    def __lt__(self, other: Any) -> bool:
        return bool(self._getvalue() < plain(other))

    def __le__(self, other: Any) -> bool:
        return bool(self._getvalue() <= plain(other))

    def __gt__(self, other: Any) -> bool:
        return bool(self._getvalue() > plain(other))

    def __ge__(self, other: Any) -> bool:
        return bool(self._getvalue() >= plain(other))

    def __hash__(self) -> int:
        return hash(self._id)


def _items(items: Any) -> Any:
    """What can be sent of them."""
    items = plain(items)
    return items if isinstance(items, (list, tuple, range, array.array)) else list(items)
