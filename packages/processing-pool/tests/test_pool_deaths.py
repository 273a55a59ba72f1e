"""What a pool does when its workers die."""

from __future__ import annotations

import concurrent.futures
import os
import pickle
import threading
import time
from collections.abc import Callable

import pytest

import processing_core
from processing_core import BaseContext
from processing_pool import MaybeEncodingError, Pool, PoolBroken, WorkerDied, _futures
from processing_testing.children import killing, tasks
from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import needs_root, needs_signals_to_threads
from processing_testing.harness.rendezvous import Rendezvous
from processing_testing.harness.signals_at_random import interrupted_repeatedly

ENDINGS = {"exit": 7, "kill": -killing.SIGKILL, "segfault": killing.CRASHED, "sys.exit": 9}


class TestPromise1:
    @pytest.mark.parametrize("how", ENDINGS)
    def test_only_its_task_fails_within_a_second(self, pool: Pool, how: str) -> None:
        pool.apply(tasks.square, (1,))  # now a worker is ready
        begin = time.monotonic()
        with pytest.raises(WorkerDied) as caught:
            pool.apply(tasks.die, (how,))
        took = time.monotonic() - begin
        assert took < 1
        assert caught.value.task == f"die({how!r})"
        assert caught.value.exitcode == ENDINGS[how]
        assert caught.value.pid is not None
        assert f"die({how!r})" in str(caught.value)
        assert str(caught.value.pid) in str(caught.value)
        assert pool.map(tasks.square, range(100), 1) == [i * i for i in range(100)]

    @pytest.mark.parametrize("chunksize", [None, 1])
    def test_in_map(self, pool: Pool, chunksize: int | None) -> None:
        with pytest.raises(WorkerDied):
            pool.starmap(tasks.die_if, [(i, 50) for i in range(100)], chunksize)
        assert pool.map(tasks.square, range(100), 1) == [i * i for i in range(100)]

    def test_in_map_the_task_is_named(self, pool: Pool) -> None:
        with pytest.raises(
            WorkerDied, match=r"^die_if\(50, 50\): .* process \d+, was killed by (SIGKILL|signal 9)\n.*item 50 "
        ):
            pool.starmap(tasks.die_if, [(i, 50) for i in range(100)], 1)

    @pytest.mark.parametrize("chunksize", [1, 5])
    def test_in_imap_the_other_items_arrive(self, pool: Pool, chunksize: int) -> None:
        results = pool.imap(tasks.die_if_seven, range(20), chunksize)
        seen, dead = [], []
        for i in range(20):
            try:
                seen.append(results.next(30))
            except WorkerDied:
                dead.append(i)
        assert dead == [7]
        assert seen == [i for i in range(20) if i not in dead]

    def test_callbacks_are_told(self, pool: Pool) -> None:
        told: list[BaseException] = []
        pool.apply_async(tasks.die, ("exit",), error_callback=told.append).wait(30)
        assert [type(error) for error in told] == [WorkerDied]

    def test_both_workers_at_once(self, pool: Pool) -> None:
        results = [pool.apply_async(tasks.die, ("kill",)) for _ in range(4)]
        for result in results:
            with pytest.raises(WorkerDied):
                result.get(30)
        assert pool.apply(tasks.square, (3,)) == 9

    def test_a_neighbour_is_left_alone(self, pool: Pool, rendezvous: Rendezvous) -> None:
        neighbour = pool.apply_async(tasks.report_and_wait, (rendezvous.address,))
        peer = rendezvous.accept()
        with pytest.raises(WorkerDied):
            pool.apply(tasks.die, ("kill",))
        peer.release()
        assert neighbour.get(30) == "released"


class TestReplacement:
    def test_of_an_idle_worker(self, pool: Pool) -> None:
        before = {child.pid for child in processing_core.active_children()}
        for pid in before:
            assert pid is not None
            killing.kill(pid)
        assert {pool.apply(tasks.pid) for _ in range(20)}.isdisjoint(before)

    def test_while_the_pool_is_not_used(self, pool: Pool) -> None:
        victims = processing_core.active_children()
        for victim in victims:
            victim.kill()
            victim.join()
        deadline = time.monotonic() + 30
        while len(processing_core.active_children()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.001)  # there is no event for the start of a worker
        assert pool.apply(tasks.square, (3,)) == 9

    def test_a_killed_worker_of_a_closed_pool(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        with Pool(1, context=context) as pool:
            first = pool.apply_async(tasks.report_and_wait, (rendezvous.address,))
            others = [pool.apply_async(tasks.square, (i,)) for i in range(10)]
            pid = rendezvous.receive()
            pool.close()
            killing.kill(pid)
            pool.join()
            with pytest.raises(WorkerDied):
                first.get(0)
            assert [other.get(0) for other in others] == [i * i for i in range(10)]

    def test_workers_that_never_get_ready(self, context: BaseContext) -> None:
        with (
            Pool(1, os._exit, (4,), context=context) as pool,
            pytest.raises(PoolBroken, match=r"3 workers, .* exited with code 4"),
        ):
            pool.map(tasks.square, range(3))


class TestErrors:
    def test_arguments_are_shortened(self, pool: Pool) -> None:
        with pytest.raises(WorkerDied) as caught:
            pool.apply(tasks.die_with, (list(range(10_000)), "x" * 10_000), {"more": b"y" * 10_000})
        assert len(str(caught.value)) < 400

    def test_arguments_without_a_repr(self, pool: Pool) -> None:
        with pytest.raises(WorkerDied, match=r"die_with\(<NoRepr"):
            pool.apply(tasks.die_with, (tasks.NoRepr(),))

    def test_they_survive_pickling(self) -> None:
        died = pickle.loads(pickle.dumps(WorkerDied("gone", "f(1)", 12, -9)))
        assert (str(died), died.task, died.pid, died.exitcode) == ("gone", "f(1)", 12, -9)
        encoding = pickle.loads(pickle.dumps(MaybeEncodingError(ValueError("x"), {"y": 1})))
        assert (encoding.exc, encoding.value) == ("ValueError('x')", "{'y': 1}")
        assert str(pickle.loads(pickle.dumps(PoolBroken("why")))) == "why"


def uses(pool: Pool) -> dict[str, Callable[[], object]]:
    """What the main thread does while it is interrupted."""

    def map_and_apply() -> None:
        pool.map(tasks.square, range(200), 1)
        pool.apply(tasks.square, (3,))

    def callbacks() -> None:
        calls = [pool.apply_async(tasks.square, (i,), callback=[].append) for i in range(30)]
        assert [call.get(30) for call in calls] == [i * i for i in range(30)]

    def futures() -> None:
        assert [call.result(30) for call in submitted()] == [i * i for i in range(30)]

    def submitted() -> list[concurrent.futures.Future[int]]:
        return [pool.submit(tasks.square, i) for i in range(30)]

    return {
        "futures": futures,
        "wait": lambda: concurrent.futures.wait(submitted()),
        "as_completed": lambda: [*concurrent.futures.as_completed(submitted())],
        "map": map_and_apply,
        "imap": lambda: list(pool.imap(tasks.square, range(100))),
        "chunks": lambda: list(pool.imap_unordered(tasks.square, range(1000), 7)),
        "callbacks": callbacks,
    }


@needs_signals_to_threads
@pytest.mark.attack
@pytest.mark.watchdog(120)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("use", ["map", "imap", "chunks", "callbacks", "futures", "wait", "as_completed"])
def test_interrupts_lose_no_results(
    use: str, rounds: Callable[[int, int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The main thread collects for all, and is interrupted at any point; the other threads get all results."""
    monkeypatch.setattr(_futures, "LONGEST_HOLD", 0.1)
    over = threading.Event()
    wrong: list[object] = []

    def work() -> None:
        while not over.is_set():
            if pool.map(tasks.square, range(300), 1) != [i * i for i in range(300)]:
                wrong.append("map")
            if list(pool.imap(tasks.square, range(100))) != [i * i for i in range(100)]:
                wrong.append("imap")
            calls = [pool.apply_async(tasks.square, (i,)) for i in range(30)]
            if [call.get(30) for call in calls] != [i * i for i in range(30)]:
                wrong.append("apply_async")
            futures = [pool.submit(tasks.square, i) for i in range(30)]
            if [future.result(30) for future in futures] != [i * i for i in range(30)]:
                wrong.append("submit")

    thread = threading.Thread(target=work)
    with Pool(2) as pool:
        thread.start()
        try:
            with interrupted_repeatedly() as until_interrupted:
                for _ in range(rounds(100, 3_000)):
                    until_interrupted(uses(pool)[use])
        finally:
            over.set()
            thread.join()
        assert wrong == []
        for again in uses(pool).values():
            again()
        pool.close()
        pool.join()


@needs_root
def test_a_pool_ends_though_its_workers_user_is_another(method: str) -> None:
    """The program has dropped its privileges since, so it may not send its workers a signal."""
    scripts.run(
        """
        import os, sys, time
        import processing_core
        from processing_pool import Pool

        pool = Pool(2, context=processing_core.get_context(sys.argv[1]))
        workers = [process.pid for process in pool._pool]
        os.setresuid(65534, 65534, 65534)
        pool.terminate()
        pool.join()
        deadline = time.monotonic() + 30
        for worker in workers:
            while os.path.exists(f"/proc/{worker}"):  # a zombie, until the forkserver has reaped it
                assert time.monotonic() < deadline
                time.sleep(0.001)
        """,
        method,
    )
