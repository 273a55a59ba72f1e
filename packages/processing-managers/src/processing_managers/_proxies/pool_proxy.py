"""`PoolProxy`: a pool of workers in a manager's server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import TracebackType

from processing_core.annotations import Any, ClassVar, Self, TypeVar
from processing_managers._proxies.async_result_proxy import AsyncResultProxy
from processing_managers._proxies.iterator_proxy import IteratorProxy
from processing_managers._proxies.pool_aliases import PoolProxyAliases
from processing_managers._proxies.proxy import BaseProxy

__all__ = ["PoolProxy"]

R = TypeVar("R")
T = TypeVar("T")


class PoolProxy(PoolProxyAliases, BaseProxy):
    """A pool in a manager's server; its functions and items are sent through the server.

    Callbacks are called in the server.
    """

    _exposed_: ClassVar[tuple[str, ...] | None] = (
        *("apply", "apply_async", "close", "imap", "imap_unordered", "join", "map", "map_async", "starmap"),
        *("starmap_async", "terminate"),
    )
    _method_to_typeid_: ClassVar[Mapping[str, str] | None] = {
        "apply_async": "AsyncResult",
        "map_async": "AsyncResult",
        "starmap_async": "AsyncResult",
        "imap": "Iterator",
        "imap_unordered": "Iterator",
    }

    def apply(self, func: Callable[..., R], args: Iterable[Any] = (), kwds: Mapping[str, Any] | None = None) -> R:
        """What the function returns.  Blocks."""
        result: R = self._callmethod("apply", (func, tuple(args), kwds or {}))
        return result

    def apply_async(
        self,
        func: Callable[..., Any],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] | None = None,
        callback: Callable[[Any], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> AsyncResultProxy:
        """The result to come of a call."""
        sent = (func, tuple(args), kwds or {}, callback, error_callback)
        result: AsyncResultProxy = self._callmethod("apply_async", sent)
        return result

    def map(self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int | None = None) -> list[R]:
        """What the function returns for each item.  Blocks."""
        result: list[R] = self._callmethod("map", (func, list(iterable), chunksize))
        return result

    def map_async(
        self,
        func: Callable[[T], Any],
        iterable: Iterable[T],
        chunksize: int | None = None,
        callback: Callable[[list[Any]], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> AsyncResultProxy:
        """The result to come of :meth:`map`."""
        sent = (func, list(iterable), chunksize, callback, error_callback)
        result: AsyncResultProxy = self._callmethod("map_async", sent)
        return result

    def starmap(
        self, func: Callable[..., R], iterable: Iterable[Iterable[Any]], chunksize: int | None = None
    ) -> list[R]:
        """What the function returns for each item, which is its arguments.  Blocks."""
        result: list[R] = self._callmethod("starmap", (func, list(iterable), chunksize))
        return result

    def starmap_async(
        self,
        func: Callable[..., Any],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        callback: Callable[[list[Any]], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> AsyncResultProxy:
        """The result to come of :meth:`starmap`."""
        sent = (func, list(iterable), chunksize, callback, error_callback)
        result: AsyncResultProxy = self._callmethod("starmap_async", sent)
        return result

    def imap(self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int = 1) -> IteratorProxy[R]:
        """An iterator over what the function returns for each item."""
        result: IteratorProxy[R] = self._callmethod("imap", (func, list(iterable), chunksize))
        return result

    def imap_unordered(self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int = 1) -> IteratorProxy[R]:
        """An iterator over what the function returns for each item, the first that is ready first."""
        result: IteratorProxy[R] = self._callmethod("imap_unordered", (func, list(iterable), chunksize))
        return result

    def close(self) -> None:
        """Take no more tasks."""
        self._callmethod("close")

    def terminate(self) -> None:
        """End the workers."""
        self._callmethod("terminate")

    def join(self) -> None:
        """Wait until the workers have ended.  Blocks."""
        self._callmethod("join")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.terminate()
