"""The awaitable twins of the queues' methods, in each kind of event loop."""

from __future__ import annotations

import queue
from typing import Any

import pytest

import processing_core
from processing_core import ClosedError
from processing_core.lowlevel import current_waiter
from processing_queues import JoinableQueue, LifoQueue, PriorityQueue, Queue, ShutDown, SimpleQueue
from processing_testing.children import awaited as children
from processing_testing.harness.event_loops import Cancelled, EventLoop
from processing_testing.harness.event_loops import loop as loop


@pytest.fixture(params=[Queue, JoinableQueue, SimpleQueue, LifoQueue, PriorityQueue])
def kind(request: pytest.FixtureRequest) -> Any:
    """Each kind of queue."""
    return request.param


class TestGet:
    def test_at_once(self, loop: EventLoop, kind: Any) -> None:
        a_queue = kind()

        async def main(loop: EventLoop) -> None:
            await a_queue.put_async(1)
            assert await a_queue.get_async() == 1

        loop.run(main)

    def test_waits_for_a_process(self, loop: EventLoop, context: processing_core.BaseContext) -> None:
        items: Queue[int] = Queue()

        async def main(loop: EventLoop) -> None:
            async with context.Process(target=children.put_all, args=(items, [1, 2, 3])):
                assert [await items.get_async() for _ in range(3)] == [1, 2, 3]

        loop.run(main)

    def test_each_waiting_task_gets_one(self, loop: EventLoop, kind: Any) -> None:
        a_queue = kind()

        async def main(loop: EventLoop) -> None:
            tasks = [loop.start(a_queue.get_async) for _ in range(20)]
            await loop.settle()
            for number in range(20):
                a_queue.put(number)
            assert sorted([await task.result() for task in tasks]) == list(range(20))

        loop.run(main)

    def test_timeout(self, loop: EventLoop, kind: Any) -> None:
        a_queue = kind()

        async def main(loop: EventLoop) -> None:
            with pytest.raises(queue.Empty):
                await a_queue.get_async(timeout=0.01)
            with pytest.raises(queue.Empty):
                await a_queue.get_async(False)
            with pytest.raises(TypeError):
                await a_queue.get_async(timeout="soon")

        loop.run(main)

    @pytest.mark.parametrize("woken", [False, True], ids=["asleep", "woken"])
    def test_cancelled_has_taken_nothing(self, loop: EventLoop, kind: Any, woken: bool) -> None:
        a_queue = kind()

        async def main(loop: EventLoop) -> None:
            first, second = loop.start(a_queue.get_async), loop.start(a_queue.get_async)
            await loop.settle()
            if woken:
                current_waiter()._try_everything()  # as when a process ends
            a_queue.put("the only one")
            first.cancel()
            with pytest.raises(Cancelled):
                await first.result()
            assert await second.result() == "the only one"

        loop.run(main)

    def test_shut_down(self, loop: EventLoop) -> None:
        items: Queue[int] = Queue()

        async def main(loop: EventLoop) -> None:
            tasks = [loop.start(items.get_async) for _ in range(3)]
            await loop.settle()
            items.shutdown()
            for task in tasks:
                with pytest.raises(ShutDown):
                    await task.result()

        loop.run(main)

    def test_closed(self, loop: EventLoop, kind: Any) -> None:
        a_queue = kind()
        a_queue.close()

        async def main(loop: EventLoop) -> None:
            with pytest.raises(ClosedError):
                await a_queue.get_async()

        loop.run(main)

    def test_many(self, loop: EventLoop) -> None:
        items: Queue[int] = Queue()

        async def main(loop: EventLoop) -> None:
            task = loop.start(items.get_many_async, 10)
            await loop.settle()
            await items.put_many_async([1, 2, 3])
            assert await task.result() == [1, 2, 3]

        loop.run(main)


class TestPut:
    def test_waits_for_room(self, loop: EventLoop) -> None:
        for items in (Queue[int](1), LifoQueue[int](1)):

            async def main(loop: EventLoop, items: Any = items) -> None:
                await items.put_async(0)
                with pytest.raises(queue.Full):
                    await items.put_async(1, timeout=0.01)
                tasks = [loop.start(items.put_async, number) for number in range(1, 10)]
                await loop.settle()
                got = [await items.get_async(timeout=20) for _ in range(10)]
                assert sorted(got) == list(range(10))
                for task in tasks:
                    await task.result()

            loop.run(main)

    def test_bound_in_bytes(self, loop: EventLoop) -> None:
        items: Queue[bytes] = Queue(max_bytes=10_000)

        async def main(loop: EventLoop) -> None:
            await items.put_async(b"x" * 9_000)
            large = loop.start(items.put_async, b"y" * 9_000)
            await loop.settle()
            small = loop.start(items.put_async, b"z")
            await small.result()
            assert not large.done()
            assert await items.get_async() == b"x" * 9_000
            assert await items.get_async() == b"z"
            await large.result()

        loop.run(main)
        assert items.get() == b"y" * 9_000

    def test_cancelled_has_put_nothing(self, loop: EventLoop) -> None:
        items: Queue[int] = Queue(1)

        async def main(loop: EventLoop) -> None:
            items.put(0)
            task = loop.start(items.put_async, 1)
            await loop.settle()
            task.cancel()
            assert items.get() == 0
            with pytest.raises(Cancelled):
                await task.result()
            assert items.empty()

        loop.run(main)

    def test_what_cannot_be_pickled(self, loop: EventLoop, kind: Any) -> None:
        a_queue = kind()

        async def main(loop: EventLoop) -> None:
            with pytest.raises((processing_core.NotPicklableError, TypeError)):
                await a_queue.put_async((lambda: (yield))())
            assert a_queue.empty()

        loop.run(main)


def test_async_for_ends_at_the_shutdown(loop: EventLoop) -> None:
    items: Queue[int] = Queue()

    async def main(loop: EventLoop) -> list[int]:
        async def consume() -> list[int]:
            return [item async for item in items]

        task = loop.start(consume)
        await loop.settle()
        items.put_many(range(5))
        items.shutdown()
        return await task.result()  # type: ignore[no-any-return]

    assert loop.run(main) == list(range(5))


def test_join(loop: EventLoop, context: processing_core.BaseContext) -> None:
    items: Queue[int] = Queue()

    async def main(loop: EventLoop) -> None:
        items.put_many(range(3))
        tasks = [loop.start(items.join_async) for _ in range(3)]
        await loop.settle()
        assert not any(task.done() for task in tasks)
        async with context.Process(target=children.get_and_finish, args=(items, 3)):
            for task in tasks:
                await task.result()

    loop.run(main)
