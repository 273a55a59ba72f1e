"""A pool whose workers do not die, whatever runs its tasks: processes of each start method, threads, executors, Dask.

All are behind the same `TaskChannel`: what the engine and the jobs promise does not depend on processes.
"""

from __future__ import annotations

import concurrent.futures
import gc
import itertools
import queue
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import processing_core
from processing_core import ClosedError
from processing_pool import AsyncResult, Pool, RemoteTraceback, TaskCancelled, TaskTimeout
from processing_testing.children import pooling, tasks
from processing_testing.harness import backends
from processing_testing.harness.rendezvous import Peer, Rendezvous
from processing_testing.harness.thread_channel import ThreadPool

Make = Callable[..., Pool]


@pytest.fixture(scope="module", params=[*processing_core.get_all_start_methods(), "threads", *backends.NAMES])
def method(request: pytest.FixtureRequest) -> str:
    """What runs the tasks."""
    return str(request.param)


@pytest.fixture
def make(method: str, request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes a pool that the test may end."""
    with ExitStack() as stack:
        if method in backends.EXECUTORS:
            kind: Make = stack.enter_context(backends.maker(method))
        elif method in backends.NAMES:
            kind = request.getfixturevalue("make_on_backend")
        elif method == "threads":
            kind = ThreadPool
        else:
            kind = partial(Pool, context=request.getfixturevalue("context"))
        pools: list[Pool] = []
        yield lambda size: pools.append(kind(size)) or pools[-1]
        for pool in pools:
            pool.terminate()
            pool.join()


def acquired(permits: threading.Semaphore, pool: Pool) -> bool:
    """Acquire one, in 30 s.

    Without a GIL, an object whose last reference another thread has dropped is gone when the thread that made it runs
    Python code again: so tasks are run meanwhile, for all threads.
    """
    if getattr(sys, "_is_gil_enabled", lambda: True)():
        return permits.acquire(timeout=30)
    for _ in range(100):
        if permits.acquire(timeout=0.05):
            return True
        pool.map(time.sleep, [0.001] * 8, 1)
        pool.submit(abs, 1).result(30)  # for which the pool's background thread runs, too
    return False


def release_and_await_end(peer: Peer) -> None:
    """Release a task whose outcome is known already, and wait for its end; its worker may have been killed."""
    peer.release()
    with suppress(EOFError):
        while True:
            peer.receive()


class TestCalls:
    def test_apply_passes_all_arguments(self, pool: Pool) -> None:
        assert pool.apply(tasks.combine, (1, "two"), {"three": 3.0}) == ((1, "two"), {"three": 3.0})

    def test_apply_async(self, pool: Pool) -> None:
        results = [pool.apply_async(tasks.square, (i,)) for i in range(200)]
        assert [result.get(30) for result in results] == [i * i for i in range(200)]
        assert all(result.ready() and result.successful() for result in results)

    def test_an_exception_arrives_as_itself_with_its_remote_traceback(self, pool: Pool) -> None:
        with pytest.raises(ValueError, match="^3$") as caught:
            pool.apply(tasks.fail, (3,))
        assert isinstance(caught.value.__cause__, RemoteTraceback)
        assert "in fail\n" in str(caught.value.__cause__)

    def test_a_result_knows_its_state(self, pool: Pool, rendezvous: Rendezvous) -> None:
        result = pool.apply_async(tasks.report_and_wait, (rendezvous.address,))
        peer = rendezvous.accept()
        assert not result.ready()
        with pytest.raises(ValueError, match="not ready"):
            result.successful()
        with pytest.raises(processing_core.TimeoutError):
            result.get(0.01)
        result.wait(0.01)
        peer.release()
        assert result.get(30) == "released"
        assert result.successful()
        failed = pool.apply_async(tasks.fail, (1,))
        failed.wait(30)
        assert not failed.successful()

    def test_callbacks_have_run_when_the_result_is_there(self, pool: Pool) -> None:
        seen: list[object] = []
        pool.apply_async(tasks.square, (3,), callback=seen.append).wait(30)
        pool.map_async(tasks.square, [1, 2], callback=seen.append).wait(30)
        pool.apply_async(tasks.fail, (4,), error_callback=seen.append).wait(30)
        assert seen[:2] == [9, [1, 4]]
        assert isinstance(seen[2], ValueError)

    def test_callbacks_run_although_no_thread_waits(self, pool: Pool) -> None:
        done = threading.Event()
        pool.apply_async(tasks.square, (3,), callback=lambda _: done.set())
        assert done.wait(30)

    def test_a_failing_callback_changes_nothing_else(self, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
        told: queue.SimpleQueue[object] = queue.SimpleQueue()
        monkeypatch.setattr(threading, "excepthook", lambda args: told.put(args.exc_type))
        assert pool.apply_async(tasks.square, (3,), callback=tasks.fail).get(30) == 9
        assert told.get(timeout=30) is ValueError
        assert pool.apply(tasks.square, (4,)) == 16

    def test_a_callback_may_use_the_pool(self, pool: Pool) -> None:
        seen: list[int] = []
        pool.apply_async(tasks.square, (2,), callback=lambda n: seen.append(pool.apply(tasks.square, (n,)))).wait(30)
        assert seen == [16]

    def test_many_threads_share_a_pool(self, pool: Pool) -> None:
        wrong: list[object] = []

        def use(start: int) -> None:
            for i in range(start, start + 50):
                if pool.apply(tasks.square, (i,)) != i * i:
                    wrong.append(i)
            if pool.map(tasks.square, range(start, start + 50), 1) != [i * i for i in range(start, start + 50)]:
                wrong.append(start)

        threads = [threading.Thread(target=use, args=(1000 * i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []

    def test_an_asynchronous_task_does_not_keep_a_call_waiting(self, pool: Pool, rendezvous: Rendezvous) -> None:
        result = pool.apply_async(tasks.report_and_wait, (rendezvous.address,))
        peer = rendezvous.accept()
        assert [pool.apply(tasks.square, (i,)) for i in range(20)] == [i * i for i in range(20)]
        peer.release()
        assert result.get(30) == "released"


class TestMaps:
    @pytest.mark.parametrize("chunksize", [None, 1, 3, 1000])
    def test_map_keeps_the_order(self, pool: Pool, chunksize: int | None) -> None:
        assert pool.map(tasks.square, range(1001), chunksize) == [i * i for i in range(1001)]

    @pytest.mark.parametrize("chunksize", [None, 1, 3])
    def test_starmap(self, pool: Pool, chunksize: int | None) -> None:
        pairs = [(i, 2) for i in range(20)]
        assert pool.starmap(pow, pairs, chunksize) == [i**2 for i in range(20)]
        assert pool.starmap_async(pow, pairs, chunksize).get(30) == [i**2 for i in range(20)]

    def test_map_async(self, pool: Pool) -> None:
        results = [pool.map_async(tasks.square, range(i, i + 2000), 1) for i in range(3)]
        assert [sum(result.get(30)) for result in results] == [sum(j * j for j in range(i, i + 2000)) for i in range(3)]

    @pytest.mark.parametrize("iterable", [[], (), iter([]), {}])
    def test_nothing_to_do(self, pool: Pool, iterable: list[int]) -> None:
        assert pool.map(tasks.square, iterable) == []
        assert list(pool.imap(tasks.square, iterable)) == []

    @pytest.mark.parametrize("chunksize", [None, 1, 3])
    def test_map_raises_the_first_error(self, pool: Pool, chunksize: int | None) -> None:
        with pytest.raises(ValueError, match="^1\n.*item 1 of the 10"):
            pool.map(tasks.fail_if_odd, range(10), chunksize)

    def test_a_stop_iteration_is_an_error_like_any_other(self, pool: Pool) -> None:
        with pytest.raises(StopIteration):
            pool.map(next, [iter([])], 5)

    def test_lambdas_and_closures(self, pool: Pool) -> None:
        factor = 3
        assert pool.map(lambda n: n * factor, range(5)) == [0, 3, 6, 9, 12]

    @pytest.mark.parametrize(
        "use",
        [
            lambda pool, item: pool.map(tasks.take, [item]),
            lambda pool, item: pool.map(tasks.take, [item] * 8, 4),
            lambda pool, item: list(pool.imap(tasks.take, [item], 1)),
            lambda pool, item: pool.apply(tasks.take, (item,)),
            lambda pool, item: pool.submit(tasks.take, item).result(30),
        ],
        ids=["map", "map, in batches", "imap", "apply", "submit"],
    )
    def test_what_is_dropped_is_gone(self, pool: Pool, use: Callable[[Pool, object], Any]) -> None:
        """Items and results may be large, and the garbage collector waits for many objects, not for large ones."""
        item, gone = tasks.Plain(), threading.Semaphore(0)
        result = use(pool, item)
        if isinstance(result, list):
            result = result[-1]
        refs = [weakref.ref(one, lambda _: gone.release()) for one in (item, result)]
        gc.disable()
        try:
            del item, result
            assert all(acquired(gone, pool) for _ in refs)  # the thread that collected it may still refer to it
        finally:
            gc.enable()

    @pytest.mark.parametrize(
        "use",
        [
            lambda pool, item: pool.map(int, [item]),
            lambda pool, item: pool.map(int, [item] * 8, 4),
            lambda pool, item: list(pool.imap(int, [item], 1)),
            lambda pool, item: pool.imap_unordered(int, [item] * 8, 8).next(30),
            lambda pool, item: pool.apply(int, (item,)),
            lambda pool, item: pool.apply_async(int, (item,)).get(30),
            lambda pool, item: pool.submit(int, item).result(30),
        ],
        ids=["map", "map, in batches", "imap", "imap_unordered, in batches", "apply", "apply_async", "submit"],
    )
    def test_what_was_dropped_when_it_failed_is_gone(self, pool: Pool, use: Callable[[Pool, object], Any]) -> None:
        """The traceback refers to the frames of the waiting thread, and these must not refer back to it."""
        item, gone = tasks.Plain(), threading.Semaphore(0)
        ref = weakref.ref(item, lambda _: gone.release())
        gc.disable()
        try:
            with suppress(TypeError):
                use(pool, item)
            del item
            assert acquired(gone, pool), ref
        finally:
            gc.enable()

    def test_large_items(self, pool: Pool) -> None:
        blobs = [bytes([i]) * 300_000 for i in range(20)]
        assert pool.map(tasks.take, blobs, 1) == blobs


class TestImap:
    @pytest.mark.parametrize("chunksize", [1, 7])
    def test_imap_keeps_the_order(self, pool: Pool, chunksize: int) -> None:
        assert list(pool.imap(tasks.square, range(1000), chunksize)) == [i * i for i in range(1000)]

    @pytest.mark.parametrize("chunksize", [1, 7])
    def test_imap_unordered(self, pool: Pool, chunksize: int) -> None:
        found = sorted(pool.imap_unordered(tasks.square, iter(range(1000)), chunksize))
        assert found == [i * i for i in range(1000)]

    def test_unordered_results_come_as_they_are_done(self, pool: Pool, rendezvous: Rendezvous) -> None:
        results = pool.imap_unordered(tasks.report_and_wait, [rendezvous.address] * 2)
        first, second = rendezvous.accept(), rendezvous.accept()
        second.release()
        assert results.next(30) == "released"
        first.release()
        assert list(results) == ["released"]

    def test_an_endless_generator_is_pulled_within_a_window(self, pool: Pool) -> None:
        pulled = itertools.count()
        results = pool.imap(tasks.square, (next(pulled) for _ in itertools.count()))
        assert list(itertools.islice(results, 2000)) == [i * i for i in range(2000)]
        assert next(pulled) < 2000 + 1000
        results.close()

    @pytest.mark.parametrize("chunksize", [1, 2])
    def test_an_item_that_fails_raises_in_its_turn(self, pool: Pool, chunksize: int) -> None:
        results = pool.imap(tasks.fail_if_odd, range(4), chunksize)
        assert results.next(30) == 0
        with pytest.raises(ValueError, match="^1$"):
            results.next(30)
        assert results.next(30) == 2
        with pytest.raises(ValueError, match="^3$"):
            results.next(30)
        with pytest.raises(StopIteration):
            results.next(30)

    def test_a_generator_that_raises(self, pool: Pool) -> None:
        def items() -> object:
            yield 1
            raise LookupError("no more")

        results = pool.imap(tasks.square, items())  # type: ignore[arg-type, var-annotated]
        assert results.next(30) == 1
        with pytest.raises(LookupError, match="no more"):
            results.next(30)
        with pytest.raises(StopIteration):
            results.next(30)

    def test_a_generator_may_wait_for_results(self, pool: Pool) -> None:
        seen: list[int] = []
        more = threading.Semaphore(1)

        def items() -> object:
            for i in range(5):
                assert more.acquire(timeout=30)
                assert len(seen) == i
                yield i

        for result in pool.imap(tasks.square, items()):  # type: ignore[arg-type, var-annotated]
            seen.append(result)
            more.release()
        assert seen == [0, 1, 4, 9, 16]

    def test_a_closed_iterator_closes_its_generator(self, pool: Pool) -> None:
        closed = threading.Event()

        def items() -> object:
            try:
                yield from tasks.count()
            finally:
                closed.set()

        results = pool.imap(tasks.square, items())  # type: ignore[arg-type, var-annotated]
        assert results.next(30) == 0
        results.close()
        assert closed.wait(30)
        assert pool.apply(tasks.square, (3,)) == 9

    def test_timeout(self, pool: Pool, rendezvous: Rendezvous) -> None:
        results = pool.imap(tasks.report_and_wait, [rendezvous.address])
        peer = rendezvous.accept()
        with pytest.raises(processing_core.TimeoutError):
            results.next(0.01)
        peer.release()
        assert results.next(30) == "released"


class TestCancelling:
    def test_what_is_queued_is_not_begun(self, make: Make, rendezvous: Rendezvous) -> None:
        pool = make(1)
        running = pool.apply_async(tasks.report_and_wait, (rendezvous.address,))
        peer = rendezvous.accept()
        queued: list[AsyncResult[Any]] = [
            pool.apply_async(tasks.report_and_wait, (rendezvous.address,)),
            pool.map_async(tasks.report_and_wait, [rendezvous.address] * 3),
        ]
        for result in queued:
            assert result.cancel()
            assert result.cancelled()
            with pytest.raises(TaskCancelled):
                result.get(30)
        peer.release()
        assert running.get(30) == "released"
        assert not running.cancel()
        assert pool.apply(tasks.square, (3,)) == 9

    def test_what_runs_has_its_outcome_at_once(self, make: Make, rendezvous: Rendezvous) -> None:
        pool = make(2)
        result = pool.apply_async(tasks.report_and_wait, (rendezvous.address,))
        peer = rendezvous.accept()
        assert result.cancel()
        with pytest.raises(TaskCancelled):
            result.get(0)
        release_and_await_end(peer)
        assert pool.apply(tasks.square, (3,)) == 9

    def test_futures(self, make: Make, rendezvous: Rendezvous) -> None:
        pool = make(1)
        running = pool.submit(tasks.report_and_wait, rendezvous.address)
        peer = rendezvous.accept()
        queued = pool.submit(tasks.square, 3)
        assert running.running() and not queued.running()
        assert queued.cancel() and queued.cancelled()
        peer.release()
        assert running.result(30) == "released"

    def test_a_shutdown_cancels_what_is_queued(self, make: Make, rendezvous: Rendezvous) -> None:
        pool = make(1)
        with pool.executor() as executor:
            running = executor.submit(tasks.report_and_wait, rendezvous.address)
            peer = rendezvous.accept()
            queued = [executor.submit(tasks.square, i) for i in range(5)]
            results = executor.map(tasks.square, range(5))
            executor.shutdown(wait=False, cancel_futures=True)
            assert all(future.cancelled() for future in queued)
            with pytest.raises(concurrent.futures.CancelledError):
                next(results)
            peer.release()
        assert running.result(0) == "released"


class TestOptions:
    def test_a_task_is_tried_again(self, make: Make) -> None:
        with pytest.raises(ValueError, match="^3$"):
            make(2).apply(tasks.fail, (3,), retries=2, backoff=0.001)

    def test_until_it_does_not_fail(self, make: Make, tmp_path: Path) -> None:
        pool, path = make(2), str(tmp_path / "record")
        assert pool.map(partial(pooling.fail_at_first, path, 2), ["raise"], retries=2) == [3]
        assert pooling.recorded(path) == ["run"] * 3

    def test_a_timeout(self, make: Make) -> None:
        pool = make(2)
        with pytest.raises(TaskTimeout, match=r"0\.2 s"):
            pool.apply(time.sleep, (1,), timeout=0.2)
        assert pool.map(tasks.square, range(10), timeout=30) == [i * i for i in range(10)]

    def test_exceptions_among_the_results(self, make: Make) -> None:
        results = make(2).map(tasks.fail_if_odd, range(4), return_exceptions=True)
        assert [type(result) for result in results] == [int, ValueError, int, ValueError]


class TestEnds:
    def test_close_and_join_do_what_was_submitted(self, make: Make) -> None:
        pool = make(2)
        call = pool.apply_async(tasks.square, (3,))
        mapped = pool.map_async(tasks.square, range(2000), 1)
        stream = pool.imap(tasks.square, iter(range(2000)))
        pool.close()
        assert pool.join()
        assert call.ready() and mapped.ready()
        assert call.get() == 9
        assert mapped.get()[-1] == 1999**2
        assert sum(1 for _ in stream) == 2000

    def test_a_closed_pool_takes_nothing(self, make: Make) -> None:
        pool = make(1)
        with pytest.raises(ValueError, match="still running"):
            pool.join()
        pool.close()
        with pytest.raises(ClosedError, match="not running"):
            pool.apply(tasks.square, (1,))
        pool.join()
        pool.close()
        pool.join()
        pool.terminate()

    def test_terminate_fails_what_is_not_done(self, make: Make, rendezvous: Rendezvous) -> None:
        pool = make(1)
        results = [
            pool.apply_async(tasks.report_and_wait, (rendezvous.address,)),
            pool.map_async(tasks.square, range(100)),
        ]
        peer = rendezvous.accept()
        ending = threading.Thread(target=pool.terminate)
        ending.start()
        for result in results:
            with pytest.raises(ClosedError, match="terminated"):
                result.get(30)
        release_and_await_end(peer)
        ending.join(30)
        assert pool.join()
