"""A pool whose workers do not die and whose tasks can be pickled."""

from __future__ import annotations

import gc
import itertools
import operator
import os
import pickle
import subprocess
import sys
import textwrap
import time
import weakref

import pytest

import processing_core
from processing_core import BaseContext, ClosedError, StateError
from processing_pool import AsyncResult, IMapIterator, Pool, PoolBroken
from processing_queues import Queue
from processing_testing.children import tasks
from processing_testing.harness import processes
from processing_testing.harness.rendezvous import Rendezvous


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

    def test_all_workers_take_part(self, pool: Pool, rendezvous: Rendezvous) -> None:
        result = pool.map_async(tasks.report_and_wait, [rendezvous.address] * 2)
        peers = [rendezvous.accept(), rendezvous.accept()]
        assert len({peer.receive() for peer in peers}) == 2
        for peer in peers:
            peer.release()
        assert result.get(30) == ["released"] * 2

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

    def test_terminate_is_prompt_with_busy_workers(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        pool = Pool(2, context=context)
        results = [pool.apply_async(tasks.spin, (rendezvous.address,)) for _ in range(2)]
        pids = [rendezvous.receive(), rendezvous.receive()]
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
        with pytest.warns(ResourceWarning, match="unclosed running multiprocessing pool <processing_pool.Pool .*=RUN"):
            del pool
        gc.collect()
        for child in children:
            child.join(30)
        assert set(processing_core.active_children()) == others

    def test_what_its_end_raised_does_not_keep_a_pool(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        def use() -> weakref.ref[Pool]:
            pool = Pool(1, context=context)
            result = pool.apply_async(tasks.spin, (rendezvous.address,))
            rendezvous.receive()
            pool.terminate()
            with pytest.raises(ClosedError):
                result.get(30)  # the traceback contains this frame
            return weakref.ref(pool)

        ref = use()
        gc.collect()
        assert ref() is None

    @pytest.mark.filterwarnings("ignore:unclosed running multiprocessing pool")
    def test_a_result_keeps_its_pool(self, context: BaseContext) -> None:
        assert Pool(1, context=context).apply_async(tasks.square, (3,)).get(30) == 9
        assert list(Pool(1, context=context).imap(tasks.square, [1, 2])) == [1, 4]

    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
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
            cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
            assert len(processing_core.active_children()) - others == cpus
            assert repr(pool) == f"<processing_pool.Pool state=RUN pool_size={cpus}>"

    def test_contexts_offer_it(self, method: str) -> None:
        with processing_core.get_context(method).Pool(1) as pool:
            assert isinstance(pool, Pool)
            assert pool.apply(processing_core.get_start_method) == method


class Modern(Pool):
    """A pool that records which modern methods are called."""

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
            from processing_testing.children import tasks
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


def test_collecting_costs_no_cpu_while_waiting(rendezvous: Rendezvous) -> None:
    with Pool(2) as pool:
        result = pool.apply_async(tasks.report_and_wait, (rendezvous.address,))
        peer = rendezvous.accept()
        begin = time.process_time()
        with pytest.raises(processing_core.TimeoutError):
            result.get(0.5)
        assert time.process_time() - begin < 0.02
        peer.release()
        result.get(30)
