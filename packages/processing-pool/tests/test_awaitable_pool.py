"""Awaiting a pool's results, in each kind of event loop."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator
from functools import partial

import pytest

import processing_core
from processing_core import BaseContext
from processing_pool import Pool, TaskCancelled, WorkerDied
from processing_testing.children import awaited as children
from processing_testing.harness.event_loops import Cancelled, EventLoop
from processing_testing.harness.event_loops import loop as loop
from processing_testing.harness.mechanisms import ONE_METHOD
from processing_testing.harness.thread_channel import ThreadPool


@pytest.fixture(scope="module")
def method() -> str:
    """The start method of these tests; those of `TestStartMethods` run under each."""
    return ONE_METHOD


@pytest.mark.parametrize("start_method", processing_core.get_all_start_methods())
class TestStartMethods:
    def test_results_and_coroutine_functions(self, start_method: str) -> None:
        async def main() -> None:
            async with Pool(2, context=processing_core.get_context(start_method)) as pool:
                assert await pool.map_async(children.square, range(5)) == [0, 1, 4, 9, 16]
                assert (await pool.apply_async(children.doubled, (2,)))[0] == 4
                with pytest.raises(WorkerDied):
                    await pool.apply_async(os._exit, (3,))

        asyncio.run(main())


class TestResult:
    def test_is_awaitable(self, loop: EventLoop, pool: Pool) -> None:
        async def main(loop: EventLoop) -> None:
            assert await pool.apply_async(pow, (2, 10)) == 1024
            assert await pool.map_async(abs, range(-3, 3)) == [3, 2, 1, 0, 1, 2]
            assert await pool.starmap_async(pow, [(2, 3), (3, 2)]) == [8, 9]
            results = [pool.apply_async(children.square, (number,)) for number in range(50)]
            tasks = [loop.start(result.get_async) for result in results]
            assert [await task.result() for task in tasks] == [number**2 for number in range(50)]
            with pytest.raises(ZeroDivisionError):
                await pool.apply_async(divmod, (1, 0))
            assert await pool.apply_async(abs, (-1,), callback=lambda value: None) == 1

        loop.run(main)

    def test_no_thread_is_started(self, own_pool: Pool) -> None:
        async def main() -> None:
            before = threading.active_count()
            assert await own_pool.apply_async(pow, (2, 10)) == 1024
            assert threading.active_count() == before

        asyncio.run(main())

    def test_others_wait_too(self, loop: EventLoop, pool: Pool) -> None:
        """Threads that wait for results of the same pool, and the loop, get theirs, whichever collects."""
        got: list[list[int]] = []

        def call() -> None:
            got.append([pool.apply(children.square, (number,)) for number in range(50)])

        async def main(loop: EventLoop) -> None:
            threads = [threading.Thread(target=call) for _ in range(3)]
            for thread in threads:
                thread.start()
            for number in range(100):
                assert await pool.apply_async(children.square, (number,)) == number**2
            while any(thread.is_alive() for thread in threads):
                await loop.sleep(0.001)

        loop.run(main)
        assert got == [[number**2 for number in range(50)]] * 3

    def test_death_of_the_worker(self, loop: EventLoop, own_pool: Pool) -> None:
        async def main(loop: EventLoop) -> None:
            with pytest.raises(WorkerDied):
                await own_pool.apply_async(os._exit, (3,))
            assert await own_pool.apply_async(abs, (-1,)) == 1

        loop.run(main)

    def test_a_cancelled_wait_leaves_the_task(self, loop: EventLoop, pool: Pool) -> None:
        async def main(loop: EventLoop) -> None:
            result = pool.apply_async(time.sleep, (0.5,))
            task = loop.start(result.get_async)
            await loop.settle()
            task.cancel()
            with pytest.raises(Cancelled):
                await task.result()
            assert await result is None
            result = pool.apply_async(time.sleep, (0.5,))
            with pytest.raises(TimeoutError):
                await result.get_async(0.01)
            await result.wait_async()
            assert result.successful()

        loop.run(main)

    def test_is_there_after_the_loop_has_ended(self, pool: Pool) -> None:
        async def main() -> object:
            return pool.apply_async(children.square, (3,))

        assert asyncio.run(main()).get(10) == 9  # type: ignore[attr-defined]

    def test_the_pool_is_terminated(self, loop: EventLoop, own_pool: Pool) -> None:
        async def main(loop: EventLoop) -> None:
            task = loop.start(own_pool.apply_async(time.sleep, (100,)).get_async)
            await loop.settle()
            own_pool.terminate()
            with pytest.raises(ValueError, match="terminated"):
                await task.result()

        loop.run(main)

    def test_of_another_channel(self, loop: EventLoop) -> None:
        with ThreadPool(2) as threads:

            async def main(loop: EventLoop) -> None:
                assert await threads.apply_async(pow, (2, 10)) == 1024
                assert [x async for x in threads.imap(abs, range(-3, 0))] == [3, 2, 1]

            loop.run(main)


class TestPool:
    def test_async_with(self, loop: EventLoop, context: BaseContext) -> None:
        async def main(loop: EventLoop) -> None:
            async with Pool(2, context=context) as pool:
                assert await pool.apply_async(abs, (-1,)) == 1

        loop.run(main)

    def test_join(self, loop: EventLoop, context: BaseContext) -> None:
        async def main(loop: EventLoop) -> None:
            pool = Pool(2, context=context)
            result = pool.apply_async(time.sleep, (0.3,))
            with pytest.raises(ValueError, match="running"):
                await pool.join_async()
            pool.close()
            assert await pool.join_async(0.01) is False
            assert await pool.join_async() is True
            assert result.successful()

        loop.run(main)

    def test_what_programs_use_today(self, pool: Pool) -> None:
        async def main() -> None:
            running = asyncio.get_running_loop()
            executor = pool.executor()
            assert await running.run_in_executor(executor, pow, 2, 10) == 1024
            assert await asyncio.wrap_future(executor.submit(pow, 2, 10)) == 1024
            assert await asyncio.to_thread(pool.apply, pow, (2, 10)) == 1024

        asyncio.run(main(), debug=True)


class TestImap:
    def test_async_for(self, loop: EventLoop, pool: Pool) -> None:
        async def main(loop: EventLoop) -> None:
            assert [x async for x in pool.imap(children.square, range(100))] == [n * n for n in range(100)]
            assert sorted([x async for x in pool.imap_unordered(abs, range(9), 3)]) == list(range(9))
            results = pool.imap(partial(divmod, 1), [1, 0, 1])
            assert await anext(results) == (1, 0)
            with pytest.raises(ZeroDivisionError):
                await anext(results)
            assert await anext(results) == (1, 0)
            with pytest.raises(StopAsyncIteration):
                await results.next_async()

        loop.run(main)

    def test_async_iterable(self, loop: EventLoop, pool: Pool) -> None:
        async def items(count: int) -> AsyncIterator[int]:
            for number in range(count):
                yield number
                await loop.sleep(0)

        async def main(loop: EventLoop) -> None:
            assert [x async for x in pool.imap(children.square, items(300))] == [n * n for n in range(300)]
            assert sorted([x async for x in pool.imap_unordered(abs, items(50))]) == list(range(50))

        loop.run(main)

    def test_is_pulled_in_a_bounded_window(self, loop: EventLoop, pool: Pool) -> None:
        pulled = 0
        ended = []

        async def endless() -> AsyncIterator[int]:
            nonlocal pulled
            try:
                while True:
                    pulled += 1
                    yield pulled
            finally:
                ended.append(True)

        async def main(loop: EventLoop) -> None:
            results = pool.imap(children.square, endless(), buffersize=8)
            for number in range(1, 4):
                assert await anext(results) == number**2
                await loop.sleep(0.02)
                assert pulled <= number + 9
            results.close()
            while not ended:
                await loop.sleep(0.001)

        loop.run(main)

    def test_the_iterable_raises(self, loop: EventLoop, pool: Pool) -> None:
        async def items() -> AsyncIterator[int]:
            yield 1
            raise LookupError("no more")

        async def main(loop: EventLoop) -> None:
            results = pool.imap(abs, items())
            assert await anext(results) == 1
            with pytest.raises(LookupError, match="no more"):
                await anext(results)
            with pytest.raises(StopAsyncIteration):
                await anext(results)

        loop.run(main)

    def test_cancelled_has_taken_nothing(self, loop: EventLoop, pool: Pool) -> None:
        async def main(loop: EventLoop) -> None:
            results = pool.imap(_slowly, range(5))
            task = loop.start(results.next_async)
            await loop.settle()
            task.cancel()
            with pytest.raises(Cancelled):
                await task.result()
            assert [x async for x in results] == list(range(5))

        loop.run(main)


def _slowly(number: int) -> int:
    time.sleep(0.2 if number == 0 else 0)
    return number


class TestCoroutineFunctions:
    def test_are_tasks(self, pool: Pool) -> None:
        token = children.variable.set("of the caller")
        try:
            assert pool.apply(children.doubled, (2,))[:2] == (4, "of the caller")
            assert [row[:2] for row in pool.map(children.doubled, [1, 2])] == [
                (2, "of the caller"),
                (4, "of the caller"),
            ]
            assert next(pool.imap(children.doubled, [1]))[2] != os.getpid()
            assert pool.apply(partial(children.doubled, 5))[0] == 10
        finally:
            children.variable.reset(token)
        assert pool.apply(children.doubled, (2,))[1] == "unset"
        with pytest.raises(LookupError, match="later"):
            pool.apply(children.fail_later)


class TestTaskGroup:
    def test_awaits_all(self, loop: EventLoop, pool: Pool) -> None:
        async def main(loop: EventLoop) -> None:
            async with pool.task_group() as group:
                results = [group.submit(children.square, number) for number in range(10)]
            assert [result.get(0) for result in results] == [number**2 for number in range(10)]
            with pytest.raises(RuntimeError, match="ended"):
                group.submit(abs, 1)

        loop.run(main)

    def test_the_first_failure_cancels_the_others(self, loop: EventLoop, own_pool: Pool) -> None:
        async def main(loop: EventLoop) -> None:
            began = time.monotonic()
            others = []

            async def body() -> None:
                async with own_pool.task_group() as group:
                    others.append(group.submit(time.sleep, 100))
                    group.submit(divmod, 1, 0)
                    others.append(group.submit(time.sleep, 100))
                    await loop.sleep(100)

            with pytest.raises(ExceptionGroup) as caught:
                await body()
            assert [type(error) for error in caught.value.exceptions] == [ZeroDivisionError]
            assert all(other.cancelled() for other in others)
            assert time.monotonic() - began < 50

        loop.run(main)

    def test_the_body_raises(self, loop: EventLoop, own_pool: Pool) -> None:
        async def main(loop: EventLoop) -> None:
            others = []

            async def body() -> None:
                async with own_pool.task_group() as group:
                    others.append(group.submit(time.sleep, 100))
                    raise LookupError

            with pytest.raises(ExceptionGroup) as caught:
                await body()
            assert [type(error) for error in caught.value.exceptions] == [LookupError]
            assert others[0].cancelled()

        loop.run(main)

    def test_is_cancelled(self, loop: EventLoop, own_pool: Pool) -> None:
        results = []

        async def block() -> None:
            async with own_pool.task_group() as group:
                results.append(group.submit(time.sleep, 100))

        async def main(loop: EventLoop) -> None:
            task = loop.start(block)
            await loop.settle()
            task.cancel()
            with pytest.raises(Cancelled):
                await task.result()
            assert results[0].cancelled()

        loop.run(main)

    def test_timeout_of_asyncio(self, own_pool: Pool) -> None:
        async def main() -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1), own_pool.task_group() as group:
                    result = group.submit(time.sleep, 100)
            assert result.cancelled()

        asyncio.run(main(), debug=True)

    def test_in_a_thread(self, own_pool: Pool) -> None:
        with own_pool.task_group() as group:
            results = [group.submit(children.square, number) for number in range(5)]
        assert [result.get(0) for result in results] == [0, 1, 4, 9, 16]
        others = []

        def fail() -> None:
            with own_pool.task_group() as group:
                others.append(group.submit(time.sleep, 100))
                group.submit(divmod, 1, 0)
                others.append(group.submit(time.sleep, 100))

        with pytest.raises(ExceptionGroup) as caught:
            fail()
        assert [type(error) for error in caught.value.exceptions] == [ZeroDivisionError]
        for other in others:
            with pytest.raises(TaskCancelled):
                other.get(0)

        def fail_itself() -> None:
            with own_pool.task_group() as group:
                others.append(group.submit(time.sleep, 100))
                raise LookupError

        with pytest.raises(ExceptionGroup) as caught:
            fail_itself()
        assert [type(error) for error in caught.value.exceptions] == [LookupError]
        assert others[-1].cancelled()
