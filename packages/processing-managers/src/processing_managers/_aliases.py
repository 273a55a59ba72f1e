"""The names of ``processing`` 0.52; permanent.

Each method calls the modern one on ``self``, so that what a subclass overrides is reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from processing_core.annotations import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from processing_managers._dict_proxy import IteratorProxy
    from processing_managers._pool_proxy import AsyncResultProxy

__all__ = [
    "ConditionProxyAliases",
    "EventProxyAliases",
    "ManagerAliases",
    "PoolProxyAliases",
    "ProxyAliases",
    "QueueProxyAliases",
]

R = TypeVar("R")
T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class _Proxy(Protocol):
    def _callmethod(self, methodname: str, args: Sequence[Any] = (), kwds: Mapping[str, Any] | None = None) -> Any: ...
    def _getvalue(self) -> Any: ...


class ProxyAliases:
    """0.52's methods of ``BaseProxy``."""

    def _callMethod(
        self: _Proxy, methodname: str, args: Sequence[Any] = (), kwds: Mapping[str, Any] | None = None
    ) -> Any:
        return self._callmethod(methodname, args, kwds)

    def _getValue(self: _Proxy) -> Any:
        return self._getvalue()


class _Condition(Protocol):
    def notify_all(self) -> None: ...


class ConditionProxyAliases:
    """0.52's methods of a managed ``Condition``."""

    def notifyAll(self: _Condition) -> None:
        """:meth:`notify_all`."""
        self.notify_all()


class _Event(Protocol):
    def is_set(self) -> bool: ...


class EventProxyAliases:
    """0.52's methods of a managed ``Event``."""

    def isSet(self: _Event) -> bool:
        """:meth:`is_set`."""
        return self.is_set()


class _Queue(Protocol[T_contra]):
    def put(self, item: T_contra, block: bool = True, timeout: float | None = None) -> None: ...


class QueueProxyAliases(Generic[T]):
    """0.52's methods of a managed ``Queue``."""

    def putMany(self: _Queue[T], iterable: Iterable[T]) -> None:
        """Put every item; blocks as :meth:`put`."""
        for item in iterable:
            self.put(item)


class _Pool(Protocol):
    def apply_async(
        self,
        func: Callable[..., Any],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] | None = None,
        callback: Callable[[Any], object] | None = None,
    ) -> Any: ...
    def map_async(
        self,
        func: Callable[[Any], Any],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        callback: Callable[[list[Any]], object] | None = None,
    ) -> Any: ...
    def imap_unordered(self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int = 1) -> Any: ...


class PoolProxyAliases:
    """0.52's methods of a managed ``Pool``."""

    def applyAsync(
        self: _Pool,
        func: Callable[..., Any],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] | None = None,
        callback: Callable[[Any], object] | None = None,
    ) -> AsyncResultProxy:
        """:meth:`apply_async`."""
        return self.apply_async(func, args, kwds, callback)  # type: ignore[no-any-return]

    def mapAsync(
        self: _Pool,
        func: Callable[[Any], Any],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        callback: Callable[[list[Any]], object] | None = None,
    ) -> AsyncResultProxy:
        """:meth:`map_async`."""
        return self.map_async(func, iterable, chunksize, callback)  # type: ignore[no-any-return]

    def imapUnordered(
        self: _Pool, func: Callable[[Any], R], iterable: Iterable[Any], chunksize: int = 1
    ) -> IteratorProxy[R]:
        """:meth:`imap_unordered`."""
        return self.imap_unordered(func, iterable, chunksize)  # type: ignore[no-any-return]


class _Manager(Protocol):
    @classmethod
    def from_address(cls, address: Any, authkey: bytes | str | None = None) -> Any: ...
    def serve_forever(self) -> None: ...


class ManagerAliases:
    """0.52's methods of ``BaseManager``."""

    @classmethod
    def fromAddress(cls, address: Any, authkey: bytes | str | None = None) -> Self:
        """:meth:`from_address`."""
        manager: Self = cls.from_address(address, authkey)  # type: ignore[attr-defined]
        return manager

    def serveForever(self: _Manager) -> None:
        """:meth:`serve_forever`."""
        self.serve_forever()
