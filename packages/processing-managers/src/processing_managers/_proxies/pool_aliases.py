"""The names of ``processing`` 0.52 that a managed pool has; permanent.

Each method calls the modern one on ``self``, so that what a subclass overrides is reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from processing_core.annotations import Any, Protocol, TypeVar
from processing_managers._proxies.async_result_proxy import AsyncResultProxy
from processing_managers._proxies.iterator_proxy import IteratorProxy

__all__ = ["PoolProxyAliases"]

R = TypeVar("R")


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
