"""What queues offer to tasks of an event loop: the awaitable twin of each method that waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial

from processing_core.annotations import Any, Generic, TypeVar
from processing_core.lowlevel import BUSY, checked_timeout, until

__all__ = ["AwaitableQueue", "JoinedQueue"]

T = TypeVar("T")

_GET, _PUT, _JOIN = range(3)  # what a queue's `_observe` registers for


class AwaitableQueue(Generic[T]):
    """The twins of `get` and `put`, and ``async for``."""

    __slots__ = ()

    async def get_async(self: Any, block: bool = True, timeout: float | None = None, *, copy: bool = False) -> T:
        """Take an object, in a task of an event loop: `get`, awaited.

        A cancelled wait has taken nothing.

        :param block: whether to wait for one.
        :param timeout: seconds; ``None`` waits for ever.
        :param copy: whether to copy large buffers into this process's own memory.
        :raises queue.Empty: if none came in time.
        :raises ShutDown: if the queue was shut down and is empty.
        :raises ClosedError: if it was closed in this process.
        :raises Exception: what unpickling the object raises; the next call takes the next one.
        """
        return await _got(self, partial(self.get, False, copy=copy), block, timeout)  # type: ignore[no-any-return]

    async def get_many_async(
        self: Any, limit: int, block: bool = True, timeout: float | None = None, *, copy: bool = False
    ) -> list[T]:
        """Take what is there, at most ``limit`` objects: `get_many`, awaited.

        :param limit: how many at most; at least 1.
        :param block: whether to wait for one.
        :param timeout: seconds; ``None`` waits for ever.
        :param copy: whether to copy large buffers into this process's own memory.
        :return: a list of one object or more.
        :raises queue.Empty: if none came in time.
        :raises ShutDown: if the queue was shut down and is empty.
        """
        return await _got(self, partial(self.get_many, limit, False, copy=copy), block, timeout)  # type: ignore[no-any-return]

    async def put_async(self: Any, obj: T, block: bool = True, timeout: float | None = None) -> None:
        """Put an object, in a task of an event loop: `put`, awaited.

        A cancelled wait has put nothing.

        :param block: whether to wait for room.
        :param timeout: seconds; ``None`` waits for ever.
        :raises queue.Full: if there was no room in time.
        :raises ShutDown: if the queue was shut down.
        :raises ClosedError: if it was closed in this process.
        :raises Exception: what pickling the object raises.
        """
        await _put(self, partial(self.put, obj, False), block, timeout, one=not self._max_bytes)

    async def put_many_async(self: Any, objs: Iterable[T], block: bool = True, timeout: float | None = None) -> None:
        """Put several objects: `put_many`, awaited.

        :param objs: an iterable.
        :param block: whether to wait for room.
        :param timeout: seconds; ``None`` waits for ever.
        :raises queue.Full: if there was no room for all in time.
        :raises ShutDown: if the queue was shut down.
        """
        given = list(objs)
        await _put(self, partial(self.put_many, given, False), block, timeout, one=False)

    async def __aiter__(self) -> AsyncIterator[T]:
        """The objects of the queue, until it is shut down."""
        from processing_queues._exceptions import ShutDown

        while True:
            try:
                obj: T = await self.get_async()
            except ShutDown:
                return
            yield obj


class JoinedQueue:
    """The twin of `join`."""

    __slots__ = ()

    async def join_async(self: Any) -> None:
        """Wait until every item that was put is finished, in a task of an event loop: `join`, awaited."""
        await until(lambda: self._join(0) or BUSY, lambda observer: self._observe(observer, _JOIN), one=False)


async def _got(queue: Any, get: Callable[[], Any], block: bool, timeout: float | None) -> Any:
    from processing_queues._exceptions import Empty  # here, for it imports `queue`

    def attempt() -> Any:
        try:
            return get()
        except Empty:
            return BUSY

    result = await until(attempt, lambda observer: queue._observe(observer, _GET), _patience(block, timeout))
    if result is BUSY:
        raise Empty
    return result


async def _put(queue: Any, put: Callable[[], Any], block: bool, timeout: float | None, one: bool) -> None:
    """``one``: whether what is too little for this put is too little for each other one that waits, too."""
    from processing_queues._exceptions import Full

    def attempt() -> Any:
        try:
            return put()
        except Full:
            return BUSY

    result = await until(attempt, lambda observer: queue._observe(observer, _PUT), _patience(block, timeout), one=one)
    if result is BUSY:
        raise Full


def _patience(block: bool, timeout: float | None) -> float | None:
    return checked_timeout(timeout) if block else 0.0
