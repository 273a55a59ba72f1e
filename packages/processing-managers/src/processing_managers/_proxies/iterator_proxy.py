"""`IteratorProxy`: an iterator that lives in a manager's server."""

from __future__ import annotations

from processing_core.annotations import Any, ClassVar, Generic, TypeVar
from processing_managers._proxies.proxy import BaseProxy

__all__ = ["IteratorProxy"]

T_co = TypeVar("T_co", covariant=True)


class IteratorProxy(BaseProxy, Generic[T_co]):
    """An iterator or generator in a manager's server; each item is one call."""

    _exposed_: ClassVar[tuple[str, ...] | None] = ("__next__", "send", "throw", "close")

    def __iter__(self) -> IteratorProxy[T_co]:
        return self

    def __next__(self) -> T_co:
        result: T_co = self._callmethod("__next__")
        return result

    def send(self, value: Any, /) -> T_co:
        """Have the generator's ``yield`` return ``value``; return what it yields next."""
        result: T_co = self._callmethod("send", (value,))
        return result

    def throw(self, error: BaseException, /) -> T_co:
        """Have the generator's ``yield`` raise; return what it yields next."""
        result: T_co = self._callmethod("throw", (error,))
        return result

    def close(self) -> None:
        """End the generator."""
        self._callmethod("close")
