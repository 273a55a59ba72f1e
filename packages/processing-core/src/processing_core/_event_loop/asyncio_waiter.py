"""Waiting in a loop of asyncio, uvloop's included."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from functools import partial
from weakref import ReferenceType, WeakValueDictionary, ref

from processing_core._event_loop.waiter import LoopWaiter, Wait
from processing_core._forks import forget_in_child
from processing_core.annotations import Any

__all__ = ["AsyncioWaiter", "waiter_of_loop"]


class AsyncioWaiter(LoopWaiter):
    """The waiter of a loop of asyncio.

    It is closed with the loop: when `asyncio.run` and its like shut the loop's asynchronous generators down, of which
    it has one for this; or when the loop and the tasks that wait are no longer referred to, for only they keep it.

    :param loop: the running loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.loop: ReferenceType[asyncio.AbstractEventLoop] = ref(loop)
        self._received: Any = None
        try:
            loop.add_reader(self.fileno(), self.look)
        except NotImplementedError:
            self._receive(loop)
        self._guard = _close_at_shutdown(ref(loop), ref(self))
        try:
            self._guard.__anext__().send(None)  # run it up to its yield: now the loop knows it
        except StopIteration:
            pass

    def _receive(self, loop: Any) -> None:
        """In the place of a reader, which the loop does not have: begin to receive from the set's socket.

        So this loop, which waits for the ends of operations (Windows), receives its own `call_soon_threadsafe`.
        """
        self._received = loop._proactor.recv(self._set.reader, 1)  # type: ignore[attr-defined]
        self._received.add_done_callback(self._on_received)

    def _on_received(self, received: Any) -> None:
        if received.cancelled() or received is not self._received:
            return
        try:
            received.result()
            self.look()
        finally:
            self._receive(received.get_loop())

    def stop_listening(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the loop, which is not closed, not call `look` any more."""
        received, self._received = self._received, None
        if received is None:
            loop.remove_reader(self.fileno())
        else:
            received.cancel()

    def sleep(self, wait: Wait, left: float | None) -> Awaitable[None]:
        """Sleep until the wait is woken, or for ``left`` seconds."""
        future = asyncio.get_running_loop().create_future()
        wait.wake = partial(_finish, future)  # which does nothing any more once the task goes on
        return future if left is None else _finished_in_time(future, left)


async def _finished_in_time(future: asyncio.Future[None], seconds: float) -> None:
    timer = future.get_loop().call_later(seconds, _finish, future)
    try:
        await future
    finally:
        timer.cancel()


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


_waiters: WeakValueDictionary[int, AsyncioWaiter] = WeakValueDictionary()  # by the id of the loop
forget_in_child(_waiters.clear)


def waiter_of_loop() -> AsyncioWaiter:
    """The running loop's.

    :raises RuntimeError: if no loop runs.
    """
    loop = asyncio.get_running_loop()
    waiter = _waiters.get(id(loop))
    if waiter is None or waiter.loop() is not loop:
        _close_those_of_closed_loops()
        waiter = _waiters[id(loop)] = AsyncioWaiter(loop)
    return waiter


def _close_those_of_closed_loops() -> None:
    for waiter in list(_waiters.values()):
        loop = waiter.loop()
        if loop is None or loop.is_closed():
            waiter.close()


async def _close_at_shutdown(
    loop_reference: ReferenceType[asyncio.AbstractEventLoop], reference: ReferenceType[AsyncioWaiter]
) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        loop, waiter = loop_reference(), reference()
        if loop is not None and waiter is not None:
            _waiters.pop(id(loop), None)
            waiter.stop_listening(loop)
            waiter.close()
