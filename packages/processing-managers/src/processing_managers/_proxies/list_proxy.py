"""`ListProxy`: a list that lives in a manager's server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableSequence

from processing_core.annotations import Any, ClassVar, Generic, SupportsIndex, TypeVar, overload
from processing_managers._proxies.proxy import BaseProxy, plain
from processing_managers._proxies.sequence_proxy import SequenceProxy

__all__ = ["ListProxy"]

T = TypeVar("T")
U = TypeVar("U")

_CHUNK = 256  # items that an iteration fetches at once


class ListProxy(SequenceProxy[T, list[T]], Generic[T]):
    """A list in a manager's server: its methods and operators, each of which is one call.

    A call returns a copy: ``proxy[0].append(1)`` changes the copy of an item, unless the item is itself a managed
    object.  Proxies and lists are compared by value; a proxy's hash is that of the referent's name.

    >>> import processing
    >>> manager = processing.Manager()  # doctest: +SKIP
    >>> numbers = manager.list(range(4))  # doctest: +SKIP
    >>> numbers.reverse()  # doctest: +SKIP
    >>> print(numbers)  # doctest: +SKIP
    [3, 2, 1, 0]
    """

    _exposed_: ClassVar[tuple[str, ...] | None] = (
        *("__add__", "__contains__", "__delitem__", "__getitem__", "__iadd__", "__imul__", "__len__", "__mul__"),
        *("__reversed__", "__rmul__", "__setitem__", "append", "clear", "copy", "count", "extend", "index", "insert"),
        *("pop", "remove", "reverse", "sort"),
    )

    def clear(self) -> None:
        """Remove every item."""
        self._callmethod("clear")

    def copy(self) -> list[T]:
        """The list as it is now, here."""
        result: list[T] = self._callmethod("copy")
        return result

    def extend(self, items: Iterable[T], /) -> None:
        """Add all items at the end."""
        self._callmethod("extend", (_items(items),))

    def sort(self, *, key: Callable[[T], Any] | None = None, reverse: bool = False) -> None:
        """Sort the items, in the server; ``key`` is sent there."""
        self._callmethod("sort", (), {"key": key, "reverse": reverse})

    def __iter__(self) -> Iterator[T]:
        start = 0
        while chunk := self[start : start + _CHUNK]:
            yield from chunk
            start += len(chunk)

    def __reversed__(self) -> Iterator[T]:
        return reversed(self.copy())

    def __repr__(self) -> str:
        return f"<Proxy[{self._token.typeid}] object at {id(self):#x}>"

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> T: ...
    @overload
    def __getitem__(self, index: slice[Any, Any, Any], /) -> list[T]: ...
    def __getitem__(self, index: Any, /) -> Any:
        return self._callmethod("__getitem__", (index,))

    @overload
    def __setitem__(self, index: SupportsIndex, item: T, /) -> None: ...
    @overload
    def __setitem__(self, index: slice[Any, Any, Any], item: Iterable[T], /) -> None: ...
    def __setitem__(self, index: Any, item: Any, /) -> None:
        self._callmethod("__setitem__", (index, _items(item) if isinstance(index, slice) else item))

    def __add__(self, other: list[U] | ListProxy[U], /) -> list[T | U]:
        result: list[T | U] = self._callmethod("__add__", (plain(other),))
        return result

    def __radd__(self, other: list[U], /) -> list[U | T]:
        return other + self.copy()

    def __iadd__(self, items: Iterable[T], /) -> ListProxy[T]:  # type: ignore[misc]
        self.extend(items)
        return self

    def __mul__(self, times: SupportsIndex, /) -> list[T]:
        result: list[T] = self._callmethod("__mul__", (times,))
        return result

    def __rmul__(self, times: SupportsIndex, /) -> list[T]:
        return self * times

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (list, ListProxy)):
            return NotImplemented
        return bool(self.copy() == plain(other))

    def __hash__(self) -> int:
        return hash(self._id)


MutableSequence.register(ListProxy)


def _items(items: Iterable[T]) -> Iterable[T]:
    """What can be sent of them."""
    if isinstance(items, BaseProxy) or not isinstance(items, Iterable):
        return plain(items)  # type: ignore[no-any-return]
    return items if type(items) in (list, tuple, range, str, bytes) else list(items)
