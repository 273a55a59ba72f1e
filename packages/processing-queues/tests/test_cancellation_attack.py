"""Waits that are cancelled at random instants, while processes put and are killed: nothing is lost, nothing is held."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from functools import partial
from typing import Any

import pytest

import processing_core
from processing_core import OwnerDied
from processing_core.lowlevel import Scalar
from processing_queues import Queue
from processing_sync import BoundedSemaphore, Condition, Event, Lock, RLock, Semaphore
from processing_testing.children import awaited as children
from processing_testing.children import killing
from processing_testing.harness.attack import rounds

PATIENCE = 30.0  # seconds in which something must happen


class Consumers:
    """Tasks that wait for a queue, and are cancelled all the time.

    :param seed: of the instants.
    :param count: how many tasks wait at a time.
    """

    def __init__(self, items: Queue[Any], seed: int, count: int = 8) -> None:
        self.items = items
        self.got: list[tuple[int, int | None]] = []
        self.cancelled = 0
        self._rng = random.Random(seed)
        self._tasks = [asyncio.create_task(self._consume()) for _ in range(count)]

    async def _consume(self) -> None:
        while True:
            limit = self._rng.choice([0.0, 1e-5, 1e-4, 1e-3, 5e-3])
            try:
                async with asyncio.timeout(limit):
                    self.got.append(await self.items.get_async())
            except TimeoutError:
                self.cancelled += 1
            await asyncio.sleep(0)

    async def attack(self, cancellations: int) -> None:
        """Until that number of waits have been cancelled."""
        while self.cancelled < cancellations:
            victim = self._rng.randrange(len(self._tasks))
            await asyncio.sleep(self._rng.random() * 2e-3)
            await self._end(self._tasks[victim])
            self.cancelled += 1
            self._tasks[victim] = asyncio.create_task(self._consume())

    async def end(self) -> None:
        """End the tasks."""
        for task in self._tasks:
            await self._end(task)

    async def _end(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            task.result()


def numbers_by_producer(got: list[tuple[int, int | None]]) -> dict[int, list[int | None]]:
    """What came from each producer, in the order in which it was got."""
    found: dict[int, list[int | None]] = {}
    for name, number in got:
        found.setdefault(name, []).append(number)
    return found


@pytest.mark.attack
@pytest.mark.watchdog(1200)
@pytest.mark.parametrize("maxsize", [0, 3])
def test_every_item_is_got_once_and_in_order(maxsize: int) -> None:
    async def main() -> None:
        items: Queue[Any] = Queue(maxsize)
        stop = Event()
        producers = [processing_core.Process(target=children.put_until, args=(items, name, stop)) for name in range(3)]
        for producer in producers:
            producer.start()
        consumers = Consumers(items, seed=maxsize)
        await consumers.attack(rounds(1_000, 100_000))
        stop.set()
        while sum(number is None for _, number in consumers.got) < len(producers):
            await asyncio.sleep(0.001)
        await consumers.end()
        for producer in producers:
            await producer.join_async(PATIENCE)
            producer.close()
        assert items.empty()
        for numbers in numbers_by_producer(consumers.got).values():
            assert numbers == [*range(len(numbers) - 1), None]

    asyncio.run(main())


@pytest.mark.attack
@pytest.mark.watchdog(1200)
def test_producers_are_killed() -> None:
    async def main() -> None:
        items: Queue[Any] = Queue(16)
        stop, rng = Event(), random.Random(7)
        consumers = Consumers(items, seed=7)
        wanted, kills = rounds(1_000, 100_000), rounds(8, 300)
        for name in range(kills):
            producer = processing_core.Process(target=children.put_until, args=(items, name, stop))
            producer.start()
            await consumers.attack((name + 1) * wanted // kills)
            await asyncio.sleep(rng.random() * 0.01)
            producer.kill()
            await producer.join_async(PATIENCE)
            producer.close()
        await consumers.end()
        items.put((kills, 0))  # the queue works, and a wait is told
        last = [(0, 0)]
        while last[-1] != (kills, 0):
            last.append(await items.get_async(timeout=PATIENCE))
        for numbers in numbers_by_producer(consumers.got + last[1:]).values():
            assert numbers == list(range(len(numbers)))

    asyncio.run(main())


def _acquired(primitive: Any) -> bool:
    return bool(primitive.acquire(False))


@pytest.mark.attack
@pytest.mark.watchdog(1200)
@pytest.mark.parametrize("kind", [Lock, RLock, Semaphore, BoundedSemaphore, Condition])
def test_locks_and_permits(kind: Any) -> None:
    async def main() -> None:
        primitive, total, stop, counts = kind(), Scalar("q"), Event(), Queue[int]()
        process = processing_core.Process(target=children.count_until, args=(primitive, total, stop, counts))
        process.start()
        mine: Counter[str] = Counter()
        rng = random.Random(3)

        async def count() -> None:
            while True:
                try:
                    async with asyncio.timeout(rng.choice([0.0, 1e-5, 1e-4, 1e-3])):
                        await primitive.acquire_async()
                except TimeoutError:
                    mine["cancelled"] += 1
                else:
                    try:
                        total.value += 1
                        mine["counted"] += 1
                    finally:
                        primitive.release()
                await asyncio.sleep(0)

        tasks = [asyncio.create_task(count()) for _ in range(8)]
        wanted = rounds(500, 100_000)
        while mine["cancelled"] < wanted:
            await asyncio.sleep(rng.random() * 2e-3)
            victim = rng.randrange(len(tasks))
            tasks[victim].cancel()
            await asyncio.gather(tasks[victim], return_exceptions=True)
            mine["cancelled"] += 1
            tasks[victim] = asyncio.create_task(count())
        stop.set()
        mine["process"] = await counts.get_async(timeout=PATIENCE)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await process.join_async(PATIENCE)
        process.close()
        assert total.value == mine["counted"] + mine["process"]
        assert _acquired(primitive)  # nothing is held
        if kind in (Semaphore, BoundedSemaphore):
            assert not _acquired(primitive)
        primitive.release()

    asyncio.run(main())


@pytest.mark.attack
@pytest.mark.watchdog(1200)
@pytest.mark.parametrize(
    "make",
    [Lock, RLock, partial(BoundedSemaphore, 1), partial(Semaphore, 1, reclaim=True)],
    ids=["Lock", "RLock", "BoundedSemaphore", "Semaphore"],
)
def test_holders_are_killed(make: Any) -> None:
    """There is one holder at a time, and none at the end, although processes were killed and waits cancelled."""

    async def main() -> None:
        primitive, inside, rng = make(), Scalar("q"), random.Random(11)
        ended: Counter[str] = Counter()

        async def hold(name: int) -> None:
            while True:
                try:
                    async with asyncio.timeout(rng.choice([0.0, 1e-4, 1e-3, 1e-2])):
                        await primitive.acquire_async()
                except TimeoutError:
                    ended["cancelled"] += 1
                except OwnerDied:
                    ended["repaired"] += 1
                    children.repair(primitive)
                else:
                    try:
                        inside.value = name
                        await asyncio.sleep(0)
                        assert inside.value == name
                        ended["held"] += 1
                    finally:
                        primitive.release()
                await asyncio.sleep(0)

        tasks = [asyncio.create_task(hold(-1 - i)) for i in range(6)]
        wanted, kills = rounds(200, 100_000), rounds(5, 300)
        for name in range(1, kills + 1):
            holders = [
                processing_core.Process(target=children.hold_until_killed, args=(primitive, inside, 2 * name + i))
                for i in range(2)
            ]
            for holder in holders:
                holder.start()
            while ended["cancelled"] < name * wanted // kills:
                await asyncio.sleep(rng.random() * 2e-3)
                victim = rng.randrange(len(tasks))
                tasks[victim].cancel()
                (result,) = await asyncio.gather(tasks[victim], return_exceptions=True)
                assert isinstance(result, asyncio.CancelledError)
                ended["cancelled"] += 1
                tasks[victim] = asyncio.create_task(hold(-1 - victim))
            for holder in holders:
                holder.kill()
                await holder.join_async(PATIENCE)
                assert holder.exitcode == -killing.SIGKILL
                holder.close()
        assert ended["held"] > 0
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(result, asyncio.CancelledError)
        if kind_is_lock := make in (Lock, RLock):
            children.repair(primitive)
        async with asyncio.timeout(PATIENCE):
            assert await primitive.acquire_async()
        if not kind_is_lock:
            assert not _acquired(primitive)
        primitive.release()

    asyncio.run(main())


@pytest.mark.attack
@pytest.mark.watchdog(600)
def test_notifications_are_not_lost() -> None:
    """As many waits end by a notification as there were notifications with a wait to get them."""

    async def main() -> None:
        condition, rng = Condition(), random.Random(5)
        ended: Counter[str] = Counter()

        async def wait() -> None:
            async with condition:
                try:
                    await condition.wait_async()
                    ended["notified"] += 1
                except asyncio.CancelledError:
                    ended["cancelled"] += 1
                    assert condition._lock._is_owned()
                    raise

        for _ in range(rounds(150, 10_000)):
            tasks = [asyncio.create_task(wait()) for _ in range(4)]
            while condition._waiters < 4:
                await asyncio.sleep(0)
            before = ended["notified"]
            async with condition:
                condition.notify(2)
                for task in rng.sample(tasks, 2):
                    task.cancel()
                    if rng.random() < 0.5:
                        await asyncio.sleep(0)
            async with asyncio.timeout(PATIENCE):
                while ended["notified"] < before + 2:
                    await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert ended["notified"] == before + 2

    asyncio.run(main())
