"""The awaitable twins of the primitives' methods, in each kind of event loop."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import processing_core
from processing_core import NotHeldError, OwnerDied
from processing_core.lowlevel import current_waiter
from processing_sync import Barrier, BoundedSemaphore, Condition, Event, Lock, RLock, Semaphore
from processing_testing.children import awaited as children
from processing_testing.harness.event_loops import Cancelled, EventLoop
from processing_testing.harness.event_loops import loop as loop

Primitive = Any


@pytest.fixture(params=[Lock, RLock, Semaphore, BoundedSemaphore, lambda: Semaphore(1, reclaim=True), Condition])
def primitive(request: pytest.FixtureRequest) -> Primitive:
    """Something with one permit."""
    return request.param()


class TestAcquire:
    def test_at_once_and_again(self, loop: EventLoop, primitive: Primitive) -> None:
        async def main(loop: EventLoop) -> None:
            for _ in range(3):
                assert await primitive.acquire_async() is True
                primitive.release()
                async with primitive:
                    pass

        loop.run(main)
        assert primitive.acquire(False)
        primitive.release()

    def test_waits_for_another_task(self, loop: EventLoop, primitive: Primitive) -> None:
        order: list[int] = []

        async def enter(number: int) -> None:
            async with primitive:
                order.append(number)

        async def main(loop: EventLoop) -> None:
            async with primitive:
                tasks = [loop.start(enter, number) for number in range(10)]
                await loop.settle()
                assert order == []
            for task in tasks:
                await task.result()

        loop.run(main)
        assert sorted(order) == list(range(10))

    def test_timeout(self, loop: EventLoop, primitive: Primitive) -> None:
        async def main(loop: EventLoop) -> None:
            await primitive.acquire_async()
            task = loop.start(primitive.acquire_async, timeout=0.02)
            assert await task.result() is False
            assert await loop.start(primitive.acquire_async, False).result() is False
            primitive.release()
            assert await loop.start(primitive.acquire_async, timeout=5).result() is True

        loop.run(main)

    @pytest.mark.parametrize("woken", [False, True], ids=["asleep", "woken"])
    def test_cancelled_has_taken_nothing(self, loop: EventLoop, primitive: Primitive, woken: bool) -> None:
        async def main(loop: EventLoop) -> None:
            await primitive.acquire_async()
            first, second = loop.start(primitive.acquire_async), loop.start(primitive.acquire_async)
            await loop.settle()
            if woken:
                current_waiter()._try_everything()  # as when a process ends
            first.cancel()
            primitive.release()  # which wakes the one that is cancelled, perhaps
            with pytest.raises(Cancelled):
                await first.result()
            assert await second.result() is True

        loop.run(main)

    def test_death_of_the_owner(self, loop: EventLoop) -> None:
        lock, acquired = Lock(), Event()

        async def main(loop: EventLoop) -> None:
            process = processing_core.Process(target=children.acquire_and_stay, args=(lock, acquired))
            process.start()
            assert await acquired.wait_async(20)
            tasks = [loop.start(lock.acquire_async) for _ in range(3)]
            await loop.settle()
            process.kill()
            for task in tasks:
                with pytest.raises(OwnerDied):
                    await task.result()
            await process.join_async()
            process.close()

        loop.run(main)
        with lock.recover():
            pass

    def test_permits_of_the_dead_come_back(self, loop: EventLoop) -> None:
        permits, acquired = BoundedSemaphore(1), Event()

        async def main(loop: EventLoop) -> None:
            process = processing_core.Process(target=children.acquire_and_stay, args=(permits, acquired))
            process.start()
            assert await acquired.wait_async(20)
            task = loop.start(permits.acquire_async)
            await loop.settle()
            process.kill()
            assert await task.result() is True
            await process.join_async()
            process.close()

        loop.run(main)


class TestRLock:
    def test_is_owned_by_the_task(self, loop: EventLoop) -> None:
        lock = RLock()

        async def main(loop: EventLoop) -> None:
            async with lock, lock:
                with pytest.raises(RuntimeError, match="acquire_async"):
                    lock.acquire()
                other = loop.start(lock.acquire_async)
                await loop.settle()
                assert not other.done()
                waiting = threading.Thread(target=lock.acquire, kwargs={"timeout": 0.01})
                waiting.start()
                waiting.join()
                with pytest.raises(NotHeldError):
                    await loop.start(release_here).result()
            assert await other.result() is True
            with pytest.raises(NotHeldError):
                lock.release()

        async def release_here() -> None:
            lock.release()

        loop.run(main)

    def test_a_thread_holds_it(self, loop: EventLoop) -> None:
        lock = RLock()

        async def main(loop: EventLoop) -> None:
            with lock:
                assert await lock.acquire_async(timeout=0.02) is False

        loop.run(main)


class TestEvent:
    def test_all_are_woken(self, loop: EventLoop) -> None:
        event = Event()

        async def main(loop: EventLoop) -> None:
            tasks = [loop.start(event.wait_async) for _ in range(10)]
            await loop.settle()
            event.set()
            event.clear()
            assert [await task.result() for task in tasks] == [True] * 10
            assert await event.wait_async(0.01) is False

        loop.run(main)

    def test_set_by_a_process(self, loop: EventLoop) -> None:
        event = Event()

        async def main(loop: EventLoop) -> None:
            async with processing_core.Process(target=children.set_event, args=(event,)) as process:
                assert await event.wait_async() is True
            assert process.exitcode == 0

        loop.run(main)


@pytest.fixture(params=[Lock, RLock])
def condition(request: pytest.FixtureRequest) -> Condition:
    """A condition with each kind of lock."""
    return Condition(request.param())


class TestCondition:
    def test_notified_by_a_process(self, loop: EventLoop, condition: Condition) -> None:
        async def main(loop: EventLoop) -> None:
            async with condition:
                process = processing_core.Process(target=children.notify, args=(condition,))
                process.start()
                assert await condition.wait_async(20) is True
                assert await condition.wait_async(0.01) is False
            await process.join_async()
            process.close()

        loop.run(main)

    def test_a_cancelled_wait_passes_its_notification_on(self, loop: EventLoop, condition: Condition) -> None:
        held_at_the_end = []

        async def wait() -> bool:
            async with condition:
                try:
                    return await condition.wait_async()
                finally:
                    held_at_the_end.append(condition._lock._is_owned())

        async def main(loop: EventLoop) -> None:
            first, second = loop.start(wait), loop.start(wait)
            await loop.settle()
            async with condition:
                condition.notify()
                first.cancel()
            with pytest.raises(Cancelled):
                await first.result()
            assert await second.result() is True

        loop.run(main)
        assert held_at_the_end == [True, True]
        assert condition._waiters == 0
        assert condition.acquire(False)
        condition.release()

    def test_cancelled_while_it_takes_the_lock_again(self, loop: EventLoop, condition: Condition) -> None:
        async def wait() -> bool:
            async with condition:
                return await condition.wait_async()

        async def main(loop: EventLoop) -> None:
            first, second = loop.start(wait), loop.start(wait)
            await loop.settle()
            async with condition:
                condition.notify()
                await loop.settle()
                first.cancel()
                await loop.settle()
                assert not first.done()  # the lock is held
            try:
                assert await first.result() is True
            except Cancelled:
                pass
            else:
                assert loop.kind == "trio"  # there it ends, if it was notified before, and the task is cancelled later
                async with condition:
                    condition.notify()
            assert await second.result() is True

        loop.run(main)

    def test_wait_for(self, loop: EventLoop, condition: Condition) -> None:
        values: list[int] = []

        async def add() -> None:
            async with condition:
                values.append(len(values))
                condition.notify()

        async def main(loop: EventLoop) -> None:
            async with condition:
                assert await condition.wait_for_async(lambda: values == [0], 0.01) is False
                for _ in range(3):
                    loop.start(add)
                assert await condition.wait_for_async(lambda: len(values) == 3, 20) is True

        loop.run(main)

    def test_the_lock_must_be_held(self, loop: EventLoop, condition: Condition) -> None:
        async def main(loop: EventLoop) -> None:
            with pytest.raises(NotHeldError):
                await condition.wait_async()

        loop.run(main)


class TestBarrier:
    def test_tasks_and_processes(self, loop: EventLoop) -> None:
        done: list[str] = []
        barrier = Barrier(4, done.append("action") or None)  # type: ignore[func-returns-value]

        async def main(loop: EventLoop) -> None:
            for _ in range(2):
                async with processing_core.Process(target=children.wait_at, args=(barrier,)):
                    tasks = [loop.start(barrier.wait_async) for _ in range(3)]
                    numbers = [await task.result() for task in tasks]
                assert len(set(numbers)) == 3

        loop.run(main)
        assert barrier.n_waiting == 0

    def test_timeout_breaks_it(self, loop: EventLoop) -> None:
        barrier = Barrier(2)

        async def main(loop: EventLoop) -> None:
            with pytest.raises(threading.BrokenBarrierError):
                await barrier.wait_async(0.01)

        loop.run(main)
        assert barrier.broken

    def test_cancelled(self, loop: EventLoop) -> None:
        barrier = Barrier(2)

        async def main(loop: EventLoop) -> None:
            first = loop.start(barrier.wait_async)
            await loop.settle()
            assert barrier.n_waiting == 1
            first.cancel()
            with pytest.raises(Cancelled):
                await first.result()
            assert barrier.n_waiting == 0
            tasks = [loop.start(barrier.wait_async) for _ in range(2)]
            assert sorted([await task.result() for task in tasks]) == [0, 1]

        loop.run(main)

    def test_death_of_a_party(self, loop: EventLoop) -> None:
        barrier = Barrier(3)

        async def main(loop: EventLoop) -> None:
            process = processing_core.Process(target=children.wait_at, args=(barrier,))
            process.start()
            while barrier.n_waiting < 1:
                await loop.sleep(0.005)
            task = loop.start(barrier.wait_async)
            await loop.settle()
            process.kill()
            with pytest.raises(threading.BrokenBarrierError):
                await task.result()
            await process.join_async()
            process.close()

        loop.run(main)
