"""The names of ``processing`` 0.52; permanent.

Each method calls the modern one on ``self``, so that what a subclass overrides is reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from processing_core.annotations import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from processing_pool._jobs.imap_iterator import IMapIterator
    from processing_pool._jobs.result import AsyncResult

__all__ = ["PoolAliases"]

T = TypeVar("T")
R = TypeVar("R")
T_contra = TypeVar("T_contra", contravariant=True)


if TYPE_CHECKING:

    class _Modern(Protocol):
        def apply_async(
            self,
            func: Callable[..., R],
            args: Iterable[Any] = (),
            kwds: Mapping[str, Any] | None = None,
            callback: Callable[[R], object] | None = None,
            error_callback: Callable[[BaseException], object] | None = None,
        ) -> AsyncResult[R]: ...
        def map_async(
            self,
            func: Callable[[T], R],
            iterable: Iterable[T],
            chunksize: int | None = None,
            callback: Callable[[list[R]], object] | None = None,
            error_callback: Callable[[BaseException], object] | None = None,
        ) -> AsyncResult[list[R]]: ...
        def imap_unordered(
            self, func: Callable[[T], R], iterable: Iterable[T], chunksize: int = 1
        ) -> IMapIterator[R]: ...


class PoolAliases:
    """0.52's methods of ``Pool``."""

    def applyAsync(
        self: _Modern,
        func: Callable[..., R],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] | None = None,
        callback: Callable[[R], object] | None = None,
    ) -> AsyncResult[R]:
        """:meth:`apply_async`."""
        return self.apply_async(func, args, kwds, callback)

    def mapAsync(
        self: _Modern,
        func: Callable[[T], R],
        iterable: Iterable[T],
        chunksize: int | None = None,
        callback: Callable[[list[R]], object] | None = None,
    ) -> AsyncResult[list[R]]:
        """:meth:`map_async`."""
        return self.map_async(func, iterable, chunksize, callback)

    def imapUnordered(
        self: _Modern, func: Callable[[T], R], iterable: Iterable[T], chunksize: int = 1
    ) -> IMapIterator[R]:
        """:meth:`imap_unordered`."""
        return self.imap_unordered(func, iterable, chunksize)
