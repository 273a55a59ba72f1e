"""The waiter of an event loop: descriptors, forks, closed loops, deaths, and coroutine functions."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import processing_core
from processing_core import lowlevel
from processing_core._kernel import KEY_DIED, KEY_JOINED, OBSERVERS
from processing_core.lowlevel import BUSY, Event, Observer, polled_now, until
from processing_testing.children import awaited as children
from processing_testing.harness.event_loops import Cancelled, EventLoop
from processing_testing.harness.event_loops import loop as loop
from processing_testing.harness.leaks import leaves_nothing


@contextmanager
def warnings_as_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
        gc.collect()


async def wait_for(event: Event, timeout: float | None = None) -> bool:
    """What `processing_sync.Event.wait_async` does."""
    return await until(lambda: event.is_set() or BUSY, event._observe, timeout, one=False) is True


class TestObserver:
    def test_is_told_which_object_changed(self) -> None:
        lowlevel.ensure_family()
        observer, events = Observer(), [Event() for _ in range(3)]
        keys = [event._observe(observer) for event in events]
        assert len(set(keys)) == 3
        assert observer.take() == []
        events[1].set()
        assert observer.take() == [keys[1]]
        events[1].clear()
        events[1].set()
        assert observer.take() == []  # once
        for event in events:
            event._observe(observer)
            event.clear()
            event.set()
        assert sorted(observer.take() or []) == sorted(keys)
        observer.close()

    def test_more_than_it_keeps(self) -> None:
        lowlevel.ensure_family()
        observer, events = Observer(), [Event() for _ in range(1100)]
        for event in events:
            event._observe(observer)
        for event in events:
            event.set()
        assert observer.take() is None
        assert observer.take() == []
        observer.close()

    def test_only_those_that_registered_are_told(self) -> None:
        lowlevel.ensure_family()
        observers, event = [Observer() for _ in range(100)], Event()
        key = event._observe(observers[42])
        event.set()
        told = [number for number, observer in enumerate(observers) if key in (observer.take() or [])]
        assert 42 in told
        assert len(told) <= 2  # bits are shared by every 64th
        for observer in observers:
            observer.close()

    def test_how_many_the_family_has_room_for(self) -> None:
        lowlevel.ensure_family()
        observers = []
        while (observer := Observer()).fileno() >= 0:
            observers.append(observer)
        assert OBSERVERS - 8 <= len(observers) <= OBSERVERS
        with pytest.raises(ValueError, match="no open Observer"):
            Event()._observe(observer)
        for observer in observers:
            observer.close()
        assert Observer().fileno() >= 0

    def test_members(self) -> None:
        lowlevel.ensure_family()
        observer = Observer()
        process = processing_core.get_context(processing_core.get_all_start_methods()[0]).Process(target=int)
        process.start()
        process.join()
        process.close()
        assert set(observer.take() or []) == {KEY_JOINED, KEY_DIED}
        observer.close()


class TestLoop:
    @pytest.mark.skipif(sys.platform != "linux", reason="it counts descriptors in /proc")
    def test_ten_thousand_waits(self) -> None:
        """Descriptors and threads grow by a constant."""

        async def main() -> None:
            events = [Event() for _ in range(10_000)]
            await wait_for(events[0], 0.001)
            descriptors, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
            tasks = [asyncio.create_task(wait_for(event)) for event in events]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert len(os.listdir("/proc/self/fd")) == descriptors
            assert threading.active_count() == threads
            for event in events:
                event.set()
            assert all(await asyncio.gather(*tasks))

        asyncio.run(main())

    def test_nothing_is_left(self, loop: EventLoop) -> None:
        event = Event()

        async def main(loop: EventLoop) -> None:
            task = loop.start(wait_for, event)
            assert await wait_for(event, 0.001) is False
            task.cancel()
            with pytest.raises(Cancelled):
                await task.result()

        loop.run(main)
        with warnings_as_errors(), leaves_nothing():
            loop.run(main)

    def test_closed_with_waits_pending(self) -> None:
        event = Event()

        def run() -> None:
            new = asyncio.new_event_loop()
            task = new.create_task(wait_for(event))
            new.run_until_complete(asyncio.sleep(0.01))
            new.close()
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # the program's own fault

        with warnings_as_errors(), leaves_nothing():
            run()
            gc.collect()

    def test_loops_in_several_threads(self) -> None:
        event = Event()
        results: list[bool] = []

        def run() -> None:
            results.append(asyncio.run(wait_for(event, 20)))

        threads = [threading.Thread(target=run) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.05)
        event.set()
        for thread in threads:
            thread.join()
        assert results == [True] * 8

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
    def test_fork_while_a_loop_runs(self) -> None:
        event, in_child = Event(), Event()

        async def main() -> None:
            task = asyncio.create_task(wait_for(event))
            await asyncio.sleep(0.01)
            before = set(os.listdir("/proc/self/fd"))
            process = processing_core.get_context("fork").Process(target=_run_in_child, args=(before, in_child))
            process.start()
            await process.join_async()
            assert process.exitcode == 0
            assert in_child.is_set()
            process.close()
            assert not task.done()
            event.set()
            assert await task

        asyncio.run(main())

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the switches of a thread in /proc")
    def test_nothing_runs_while_idle(self) -> None:
        """A pending wait makes no system call; the loop sleeps until something happens."""
        event = Event()

        async def main() -> None:
            task = asyncio.create_task(wait_for(event))
            await asyncio.sleep(0.05)
            switches = _voluntary_switches()
            await asyncio.sleep(1.5)
            assert _voluntary_switches() - switches <= 3
            event.set()
            assert await task

        asyncio.run(main())

    def test_the_death_of_any_member_has_waits_try_again(self, loop: EventLoop) -> None:
        tries: list[float] = []
        event = Event()

        async def main(loop: EventLoop) -> None:
            def attempt() -> object:
                tries.append(time.monotonic())
                return True if event.is_set() else BUSY

            lock, joined = lowlevel.Lock(), Event()
            process = processing_core.Process(target=children.acquire_and_stay, args=(lock, joined))
            process.start()
            assert joined.wait(30)  # a child that is killed before it is a member takes nothing with it
            task = loop.start(until, attempt, event._observe)
            await loop.settle()
            count = len(tries)
            process.kill()
            await process.join_async()
            process.close()
            deadline = time.monotonic() + 10  # the system may tell of the process and of the member one after the other
            while len(tries) == count and time.monotonic() < deadline:
                await loop.sleep(0.01)
            assert len(tries) > count
            event.set()
            assert await task.result() is True

        loop.run(main)

    def test_without_a_loop(self) -> None:
        coroutine = wait_for(Event())
        with pytest.raises(RuntimeError, match="no running event loop"):
            coroutine.send(None)

    def test_core_does_not_import_asyncio(self) -> None:
        code = "import sys, processing_core.lowlevel; sys.exit('asyncio' in sys.modules or 'trio' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _run_in_child(before: set[str], in_child: Event) -> None:
    asyncio.set_event_loop(None)
    observers = [fd for fd in before if "anon_inode:[eventpoll]" in _target(fd)]
    assert len(observers) <= 1  # the parent's loop has one of its own
    assert asyncio.run(wait_for(in_child, 0.01)) is False
    in_child.set()
    assert asyncio.run(wait_for(in_child)) is True


def _target(fd: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""


def _voluntary_switches() -> int:
    with open("/proc/self/status") as file:
        return int(file.read().partition("\nvoluntary_ctxt_switches:")[2].split()[0])


class TestJoin:
    def test_ends(self, loop: EventLoop) -> None:
        async def main(loop: EventLoop) -> None:
            process = processing_core.Process(target=time.sleep, args=(0.2,))
            process.start()
            await process.join_async(0.01)
            assert process.is_alive()
            await process.join_async()
            assert process.exitcode == 0
            process.close()

        loop.run(main)

    def test_a_cancelled_block_terminates_it(self, loop: EventLoop) -> None:
        process = processing_core.Process(target=time.sleep, args=(100,))

        async def block() -> None:
            async with process:
                await loop.sleep(100)

        async def main(loop: EventLoop) -> None:
            task = loop.start(block)
            await loop.sleep(0.1)
            task.cancel()
            with pytest.raises(Cancelled):
                await task.result()

        if loop.kind == "trio":
            pytest.skip("trio cancels the wait for the end as well")
        loop.run(main)
        process.join()
        assert process.exitcode == -signal.SIGTERM
        process.close()

    def test_not_started(self) -> None:
        with pytest.raises(processing_core.StateError):
            asyncio.run(processing_core.Process(target=int).join_async())


@pytest.mark.parametrize("method", processing_core.get_all_start_methods())
class TestCoroutineFunctions:
    def test_is_a_target(self, method: str) -> None:
        queue: lowlevel.Queue[tuple[int, str, int]] = lowlevel.Queue()
        token = children.variable.set("of the caller")
        process = processing_core.get_context(method).Process(target=_put_doubled, args=(queue, 4))
        process.start()
        children.variable.reset(token)
        assert queue.get(timeout=20) == (8, "of the caller", process.pid)
        process.join()
        assert process.exitcode == 0
        process.close()

    def test_raises(self, method: str, capfd: pytest.CaptureFixture[str]) -> None:
        process = processing_core.get_context(method).Process(target=children.fail_later)
        process.start()
        process.join()
        assert isinstance(process.exception, LookupError)
        process.close()


async def _put_doubled(queue: lowlevel.Queue[tuple[int, str, int]], number: int) -> None:
    queue.put(await children.doubled(number))


def test_a_slot_is_used_again_after_a_notification_that_was_not_taken() -> None:
    for _ in range(3):
        queue, observer = lowlevel.Queue(), lowlevel.Observer()
        assert not queue._watch(observer)
        queue.put(1)
        assert polled_now(observer.fileno(), lowlevel.READABLE)
        observer.close()
