"""``call_async``: a proxy's call in a task of an event loop."""

from __future__ import annotations

from processing_core.annotations import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from processing_managers._proxies.proxy import BaseProxy

__all__ = ["call_async"]


async def call_async(proxy: BaseProxy, method: str, /, *args: Any, **kwds: Any) -> Any:
    """Call a method of a proxy's referent, in a task of an event loop: ``proxy.method(*args, **kwds)``, awaited.

    A cancelled call is withdrawn: what waits in the server, such as the ``acquire`` of a managed lock, ends there and
    has taken nothing; another call is carried out all the same.  The first call of a thread blocks while it connects. A
    managed `RLock` and `Condition` are owned by the thread, not by the task.

    :param proxy: any proxy.
    :param method: the name of one of the exposed methods.
    :raises AttributeError: if the method is not exposed.
    :raises ServerGone: if the server is gone.
    :raises BaseException: what the method raises.

    >>> import asyncio, processing
    >>> async def main(numbers):
    ...     await processing.managers.call_async(numbers, "append", 3)
    ...     return await processing.managers.call_async(numbers, "pop")
    >>> with processing.Manager() as manager:  # doctest: +SKIP
    ...     asyncio.run(main(manager.list()))
    3
    """
    return await (proxy._link or proxy._join()).call_async(proxy._id, method, args, kwds)
