"""What a pool does while nobody dies and everything can be pickled."""

from __future__ import annotations

import gc
import itertools
import operator
import os
import pickle
import queue
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

import processing_core
from processing_core import BaseContext, ClosedError, StateError
from processing_pool import AsyncResult, IMapIterator, Pool, PoolBroken, RemoteTraceback
from processing_queues import Queue
from processing_testing import processes, tasks
from processing_testing.meeting import Meeting


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

    def test_a_result_knows_its_state(self, pool: Pool, place: Meeting) -> None:
        result = pool.apply_async(tasks.stay, (place.address,))
        guest = place.welcome()
        assert not result.ready()
        with pytest.raises(ValueError, match="not ready"):
            result.successful()
        with pytest.raises(processing_core.TimeoutError):
            result.get(0.01)
        result.wait(0.01)
        guest.dismiss()
        assert result.get(30) == "dismissed"
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

    def test_callbacks_run_although_nobody_waits(self, pool: Pool) -> None:
        done = threading.Event()
        pool.apply_async(tasks.square, (3,), callback=lambda _: done.set())
        assert done.wait(30)

    def test_a_failing_callback_harms_nobody(self, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
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

    def test_an_asynchronous_task_does_not_keep_a_call_waiting(self, pool: Pool, place: Meeting) -> None:
        result = pool.apply_async(tasks.stay, (place.address,))
        guest = place.welcome()
        assert [pool.apply(tasks.square, (i,)) for i in range(20)] == [i * i for i in range(20)]
        guest.dismiss()
        assert result.get(30) == "dismissed"


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

    def test_all_workers_take_part(self, pool: Pool, place: Meeting) -> None:
        result = pool.map_async(tasks.stay, [place.address] * 2)
        guests = [place.welcome(), place.welcome()]
        assert len({guest.hear() for guest in guests}) == 2
        for guest in guests:
            guest.dismiss()
        assert result.get(30) == ["dismissed"] * 2

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
            assert all(gone.acquire(timeout=30) for _ in refs)  # the thread that collected it may not be done yet
        finally:
            gc.enable()

    @pytest.mark.parametrize(
        "use",
        [
            lambda pool, item: pool.map(int, [item]),
            lambda pool, item: pool.map(int, [item] * 8, 4),
            lambda pool, item: list(pool.imap(int, [item], 1)),
            lambda pool, item: pool.imap_unordered(int, [item] * 8, 4).next(30),
            lambda pool, item: pool.apply(int, (item,)),
            lambda pool, item: pool.apply_async(int, (item,)).get(30),
            lambda pool, item: pool.submit(int, item).result(30),
        ],
        ids=["map", "map, in batches", "imap", "imap_unordered, in batches", "apply", "apply_async", "submit"],
    )
    def test_what_was_dropped_when_it_failed_is_gone(self, pool: Pool, use: Callable[[Pool, object], Any]) -> None:
        """The traceback leads to the frames of who waited, and must not lead back from there to itself."""
        item, gone = tasks.Plain(), threading.Semaphore(0)
        ref = weakref.ref(item, lambda _: gone.release())
        gc.disable()
        try:
            with suppress(TypeError):
                use(pool, item)
            del item
            assert gone.acquire(timeout=30), ref
        finally:
            gc.enable()

    def test_large_items(self, pool: Pool) -> None:
        blobs = [bytes([i]) * 300_000 for i in range(20)]
        assert pool.map(tasks.take, blobs, 1) == blobs


class TestStreams:
    @pytest.mark.parametrize("chunksize", [1, 7])
    def test_imap_keeps_the_order(self, pool: Pool, chunksize: int) -> None:
        assert list(pool.imap(tasks.square, range(1000), chunksize)) == [i * i for i in range(1000)]

    @pytest.mark.parametrize("chunksize", [1, 7])
    def test_imap_unordered(self, pool: Pool, chunksize: int) -> None:
        found = sorted(pool.imap_unordered(tasks.square, iter(range(1000)), chunksize))
        assert found == [i * i for i in range(1000)]

    def test_unordered_results_come_as_they_are_done(self, pool: Pool, place: Meeting) -> None:
        results = pool.imap_unordered(tasks.stay, [place.address] * 2)
        first, second = place.welcome(), place.welcome()
        second.dismiss()
        assert results.next(30) == "dismissed"
        first.dismiss()
        assert list(results) == ["dismissed"]

    def test_an_endless_generator_is_pulled_within_a_window(self, pool: Pool) -> None:
        pulled = itertools.count()
        results = pool.imap(tasks.square, (next(pulled) for _ in itertools.count()))
        assert list(itertools.islice(results, 2000)) == [i * i for i in range(2000)]
        assert next(pulled) < 2000 + 1000

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

    def test_an_abandoned_stream_closes_its_generator(self, pool: Pool) -> None:
        closed = threading.Event()

        def items() -> object:
            try:
                yield from tasks.count()
            finally:
                closed.set()

        results = pool.imap(tasks.square, items())  # type: ignore[arg-type, var-annotated]
        assert results.next(30) == 0
        del results
        gc.collect()
        assert closed.wait(30)
        assert pool.apply(tasks.square, (3,)) == 9

    def test_timeout(self, pool: Pool, place: Meeting) -> None:
        results = pool.imap(tasks.stay, [place.address])
        guest = place.welcome()
        with pytest.raises(processing_core.TimeoutError):
            results.next(0.01)
        guest.dismiss()
        assert results.next(30) == "dismissed"


class TestWorkers:
    def test_the_initializer_runs_in_every_worker(self, context: BaseContext) -> None:
        with Pool(2, tasks.remember, (1, "two"), context=context) as pool:
            assert pool.map(tasks.remembered, range(10), 1) == [[1, "two"]] * 10

    def test_a_failing_initializer_breaks_the_pool_once(self, context: BaseContext) -> None:
        others = set(processing_core.active_children())
        with Pool(2, tasks.fail, (5,), context=context) as pool:
            result = pool.apply_async(tasks.square, (1,))
            with pytest.raises(PoolBroken, match="initializer") as caught:
                result.get(30)
            cause = caught.value.__cause__
            assert isinstance(cause, ValueError)
            assert "in fail\n" in str(cause.__cause__)
            with pytest.raises(PoolBroken):
                pool.map(tasks.square, [1])
            pool.join()
            assert set(processing_core.active_children()) == others

    def test_an_initializer_that_dies_breaks_the_pool(self, context: BaseContext) -> None:
        with (
            Pool(2, tasks.die, ("exit",), context=context) as pool,
            pytest.raises(PoolBroken, match="exited with code 7"),
        ):
            pool.apply(tasks.square, (1,))

    def test_maxtasksperchild(self, context: BaseContext) -> None:
        with Pool(1, maxtasksperchild=3, context=context) as pool:
            pids = [pool.apply(tasks.pid) for _ in range(9)]
        assert [len(list(group)) for _, group in itertools.groupby(pids)] == [3, 3, 3]

    def test_they_are_daemons_named_after_the_pool(self, pool: Pool, method: str) -> None:
        children = processing_core.active_children()
        assert len(children) == 2
        assert all(child.daemon and "PoolWorker-" in child.name for child in children)

    def test_a_pool_in_a_worker(self, pool: Pool) -> None:
        assert pool.apply(tasks.nested, (3,)) == [0, 1, 4]

    def test_shared_objects_travel_both_ways(self, pool: Pool) -> None:
        queue: Queue[str] = Queue()
        assert pool.apply(tasks.put, (queue, "one")) == queue
        assert pool.map(operator.methodcaller("put", "two"), [queue]) == [None]
        assert list(pool.imap(queue.put, ["three"])) == [None]
        assert [queue.get(timeout=30) for _ in range(3)] == ["one", "two", "three"]


class TestEnds:
    def test_close_and_join_do_what_was_submitted(self, context: BaseContext) -> None:
        others = set(processing_core.active_children())
        pool = Pool(2, context=context)
        call = pool.apply_async(tasks.square, (3,))
        mapped = pool.map_async(tasks.square, range(5000), 1)
        stream = pool.imap(tasks.square, iter(range(3000)))
        pool.close()
        pool.join()
        assert call.ready() and mapped.ready()
        assert call.get() == 9
        assert mapped.get()[-1] == 4999**2
        assert sum(1 for _ in stream) == 3000
        assert set(processing_core.active_children()) == others

    def test_a_closed_pool_takes_nothing(self, context: BaseContext) -> None:
        with Pool(1, context=context) as pool:
            with pytest.raises(ValueError, match="still running"):
                pool.join()
            pool.close()
            with pytest.raises(ClosedError, match="not running"):
                pool.apply(tasks.square, (1,))
            with pytest.raises(ValueError, match="not running"):
                pool.imap(tasks.square, [1])
            pool.join()
            pool.close()
            pool.join()
            pool.terminate()

    def test_terminate_is_prompt_with_busy_workers(self, context: BaseContext, place: Meeting) -> None:
        pool = Pool(2, context=context)
        results = [pool.apply_async(tasks.spin, (place.address,)) for _ in range(2)]
        pids = [place.hear(), place.hear()]
        begin = time.monotonic()
        pool.terminate()
        pool.join()
        assert time.monotonic() - begin < 5
        for result in results:
            with pytest.raises(ClosedError, match="terminated"):
                result.get(30)
        assert not any(processes_exist(pids))

    def test_a_dropped_pool_ends_its_workers(self, context: BaseContext) -> None:
        others = set(processing_core.active_children())
        pool = Pool(2, context=context)
        pool.map(tasks.square, range(10))
        pool.apply_async(tasks.square, (1,)).get(30)
        children = [child for child in processing_core.active_children() if child not in others]
        del pool
        gc.collect()
        for child in children:
            child.join(30)
        assert set(processing_core.active_children()) == others

    def test_what_its_end_raised_does_not_keep_a_pool(self, context: BaseContext, place: Meeting) -> None:
        def use() -> weakref.ref[Pool]:
            pool = Pool(1, context=context)
            result = pool.apply_async(tasks.spin, (place.address,))
            place.hear()
            pool.terminate()
            with pytest.raises(ClosedError):
                result.get(30)  # the traceback has this frame
            return weakref.ref(pool)

        ref = use()
        gc.collect()
        assert ref() is None

    def test_a_result_keeps_its_pool(self, context: BaseContext) -> None:
        assert Pool(1, context=context).apply_async(tasks.square, (3,)).get(30) == 9
        assert list(Pool(1, context=context).imap(tasks.square, [1, 2])) == [1, 4]

    def test_it_belongs_to_its_process(self, pool: Pool, method: str) -> None:
        with pytest.raises(NotImplementedError, match="cannot be passed between processes"):
            pickle.dumps(pool)
        if method == "fork":
            child = processing_core.get_context("fork").Process(target=_use, args=(pool,))
            child.start()
            child.join()
            assert child.exitcode == 0
            assert pool.apply(tasks.square, (2,)) == 4

    def test_cycles_leave_nothing(self, context: BaseContext) -> None:
        for _ in range(3):
            with Pool(1, context=context) as pool:
                pool.map(tasks.square, range(10))
                pool.apply_async(tasks.square, (1,))
                pool.imap(tasks.square, tasks.count())


def _use(pool: Pool) -> None:
    try:
        pool.apply(tasks.square, (1,))
    except StateError:
        return
    raise AssertionError("a pool was used in a child")


def processes_exist(pids: list[int]) -> list[bool]:
    alive = {info.pid for info in processes.family(os.getpid()) if info.state != "Z"}
    return [pid in alive for pid in pids]


class TestArguments:
    @pytest.mark.parametrize(
        ("kind", "arguments"),
        [
            (ValueError, {"processes": 0}),
            (ValueError, {"processes": -1}),
            (TypeError, {"processes": "two"}),
            (ValueError, {"maxtasksperchild": 0}),
            (ValueError, {"maxtasksperchild": 1.5}),
            (TypeError, {"initializer": 5}),
        ],
    )
    def test_of_the_pool(self, kind: type[Exception], arguments: dict[str, object]) -> None:
        (value,) = arguments.values()
        with pytest.raises(kind, match=repr(value)):
            Pool(**arguments)  # type: ignore[arg-type]

    def test_of_methods(self) -> None:
        with Pool(1) as pool:
            for method in pool.map, pool.imap, pool.imap_unordered, pool.map_async:
                with pytest.raises(ValueError, match="0"):
                    method(tasks.square, [1], chunksize=0)  # type: ignore[operator]
            result = pool.apply_async(tasks.square, (1,))
            with pytest.raises(TypeError, match="'soon'"):
                pool.apply_async(time.sleep, (1,)).get("soon")  # type: ignore[arg-type]
            assert result.get(30) == 1

    @pytest.mark.parametrize("function", [3, None, "abs"])
    def test_what_cannot_be_called(self, function: object) -> None:
        with Pool(1) as pool:
            results = [pool.apply_async(function, (1,)), pool.map_async(function, [1])]  # type: ignore[arg-type]
            for result in results:
                with pytest.raises(TypeError, match=f"'{type(function).__name__}' object is not callable"):
                    result.get(30)

    def test_the_default_size(self) -> None:
        others = len(processing_core.active_children())
        with Pool() as pool:
            assert len(processing_core.active_children()) - others == len(os.sched_getaffinity(0))
            assert repr(pool) == f"<processing_pool.Pool state=RUN pool_size={len(os.sched_getaffinity(0))}>"

    def test_contexts_offer_it(self, method: str) -> None:
        with processing_core.get_context(method).Pool(1) as pool:
            assert isinstance(pool, Pool)
            assert pool.apply(processing_core.get_start_method) == method


class Modern(Pool):
    """Its modern methods tell that they were reached."""

    def __init__(self) -> None: ...

    def __getattribute__(self, name: str) -> object:
        if name in {"apply_async", "map_async", "imap_unordered"}:
            return lambda *args: (name, *args)
        return super().__getattribute__(name)


@pytest.mark.parametrize(
    ("old", "new"), [("applyAsync", "apply_async"), ("mapAsync", "map_async"), ("imapUnordered", "imap_unordered")]
)
def test_the_names_of_0_52(old: str, new: str) -> None:
    assert getattr(Modern(), old)(1, 2)[:3] == (new, 1, 2)


def test_public_names() -> None:
    assert all(cls.__module__ == "processing_pool" for cls in (Pool, AsyncResult, IMapIterator, PoolBroken))


class TestPrograms:
    """Whole programs, as users end them."""

    def start(self, body: str, method: str) -> subprocess.Popen[str]:
        program = f"""
            import sys, time, processing_core
            from processing_pool import Pool
            from processing_testing import tasks
            processing_core.set_start_method({method!r})
        """
        text = textwrap.dedent(program) + textwrap.dedent(body)
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", text],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def test_a_pool_that_is_left_running(self, method: str) -> None:
        body = "pool = Pool(2); pool.map(abs, range(4)); r = pool.apply_async(time.sleep, (60,)); print('done')"
        program = self.start(body, method)
        output, errors = program.communicate(timeout=30)
        assert (program.returncode, output, errors) == (0, "done\n", "")

    def test_the_workers_of_a_killed_parent(self, method: str) -> None:
        body = "pool = Pool(2); pool.map(abs, range(4)); print('ready', flush=True); pool.apply(time.sleep, (60,))"
        program = self.start(body, method)
        assert program.stdout and program.stdout.readline() == "ready\n"
        family = processes.family(program.pid)
        program.kill()
        program.communicate(timeout=30)
        assert processes.end_within(family, 2)


def test_collecting_costs_no_cpu_while_waiting(place: Meeting) -> None:
    with Pool(2) as pool:
        result = pool.apply_async(tasks.stay, (place.address,))
        guest = place.welcome()
        begin = time.process_time()
        with pytest.raises(processing_core.TimeoutError):
            result.get(0.5)
        assert time.process_time() - begin < 0.02
        guest.dismiss()
        result.get(30)
