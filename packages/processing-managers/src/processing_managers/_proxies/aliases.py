"""The names of ``processing`` 0.52 that proxies have; permanent.

Each method calls the modern one on ``self``, so that what a subclass overrides is reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from processing_core.annotations import Any, Generic, Protocol, TypeVar

__all__ = [
    "ConditionProxyAliases",
    "EventProxyAliases",
    "ProxyAliases",
    "QueueProxyAliases",
]

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
