"""`ArrayProxy`: an `array.array` that lives in a manager's server."""

from __future__ import annotations

import array
from collections.abc import Iterable, Iterator, MutableSequence

from processing_core.annotations import Any, ClassVar, Generic, SupportsIndex, TypeVar, overload
from processing_managers._proxies.proxy import plain
from processing_managers._proxies.sequence_proxy import SequenceProxy

__all__ = ["ArrayProxy"]

T = TypeVar("T")


class ArrayProxy(SequenceProxy[T, Any], Generic[T]):
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

    def byteswap(self) -> None:
        """Turn the bytes of each number around."""
        self._callmethod("byteswap")

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

    def tobytes(self) -> bytes:
        """The bytes of all numbers."""
        result: bytes = self._callmethod("tobytes")
        return result

    def tolist(self) -> list[T]:
        """The numbers as they are now."""
        result: list[T] = self._callmethod("tolist")
        return result

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

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (array.array, ArrayProxy)):
            return NotImplemented
        return bool(self._getvalue() == plain(other))

    def __hash__(self) -> int:
        return hash(self._id)


MutableSequence.register(ArrayProxy)  # as `array.array` is


def _items(items: Any) -> Any:
    """What can be sent of them."""
    items = plain(items)
    return items if isinstance(items, (list, tuple, range, array.array)) else list(items)
