"""Calls of proxies that are awaited, in each kind of event loop."""

from __future__ import annotations

import pytest

from processing_core import get_context
from processing_managers import ServerGone
from processing_managers.managers import call_async
from processing_testing.harness.event_loops import Cancelled, EventLoop
from processing_testing.harness.event_loops import loop as loop


def test_calls(loop: EventLoop) -> None:
    async def main(loop: EventLoop) -> None:
        async with get_context().Manager() as manager:
            numbers = manager.list()
            await call_async(numbers, "append", 3)
            assert await call_async(numbers, "pop") == 3
            with pytest.raises(IndexError):
                await call_async(numbers, "pop")
            with pytest.raises(AttributeError):
                await call_async(numbers, "no_such_method")
        with pytest.raises(ServerGone):
            await call_async(numbers, "pop")

    loop.run(main)


def test_a_cancelled_call_has_taken_nothing(loop: EventLoop) -> None:
    async def main(loop: EventLoop) -> None:
        async with get_context().Manager() as manager:
            queue, lock = manager.Queue(), manager.Lock()
            assert await call_async(lock, "acquire") is True
            tasks = [loop.start(call_async, queue, "get"), loop.start(call_async, lock, "acquire")]
            await loop.sleep(0.05)
            for task in tasks:
                task.cancel()
                with pytest.raises(Cancelled):
                    await task.result()
            await call_async(queue, "put", "kept")
            assert await call_async(queue, "get", True, 10) == "kept"
            await call_async(lock, "release")
            while await call_async(lock, "locked"):
                await loop.sleep(0.001)

    loop.run(main)


def test_the_server_is_killed(loop: EventLoop) -> None:
    async def main(loop: EventLoop) -> None:
        manager = get_context().Manager()
        queue = manager.Queue()
        task = loop.start(call_async, queue, "get")
        await loop.sleep(0.05)
        assert manager._process is not None
        manager._process.kill()
        with pytest.raises(ServerGone):
            await task.result()
        manager.shutdown()

    loop.run(main)
