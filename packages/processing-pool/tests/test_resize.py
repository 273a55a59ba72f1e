"""`Pool.resize`: another number of workers, while tasks run."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from processing_core import BaseContext, ClosedError
from processing_pool import Pool, PoolBroken, ProcessPoolExecutor, WorkerDied, WorkerState
from processing_pool.lowlevel import usable_cpus
from processing_testing.children import pooling, tasks
from processing_testing.harness.rendezvous import Rendezvous

SIZES = (1, 4, 2, 3)
ITEMS = 20


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "record")


def await_workers(pool: Pool, n: int) -> None:
    """Poll until there are that many workers: there is no event for it."""
    deadline = time.monotonic() + 30
    while len(pool._pool) != n:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def numbers_of(pool: Pool, rendezvous: Rendezvous, n: int) -> list[int]:
    """The numbers of that many workers that run tasks at the same time."""
    results = [pool.apply_async(pooling.report_worker_id, (rendezvous.address,)) for _ in range(n)]
    peers = [rendezvous.accept() for _ in range(n)]
    numbers = sorted(peer.receive() for peer in peers)
    for peer in peers:
        peer.release()
    assert [result.get(30) for result in results] == [None] * n
    return numbers


def threads_allowed() -> str | None:
    import os

    return os.environ.get("OMP_NUM_THREADS")


class TestGrowing:
    def test_the_new_workers_run_tasks(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        with Pool(1, context=context) as pool:
            pool.resize(3)
            assert numbers_of(pool, rendezvous, 3) == [0, 1, 2]

    def test_by_the_attributes_that_programs_set(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        with Pool(1, context=context) as pool:
            pool._processes += 1
            pool._repopulate_pool()
            assert numbers_of(pool, rendezvous, 2) == [0, 1]
            with pytest.raises(ValueError, match="processes"):
                pool._processes = 0
        with ProcessPoolExecutor(1, mp_context=context) as executor:
            executor._max_workers = 2
            results = [executor.submit(tasks.report_and_wait, rendezvous.address) for _ in range(2)]
            peers = [rendezvous.accept() for _ in range(2)]
            assert len({peer.receive() for peer in peers}) == 2
            for peer in peers:
                peer.release()
            assert [result.result() for result in results] == ["released"] * 2

    def test_a_running_map_uses_them(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        """The map had sent no more than two messages for the only worker."""
        with Pool(1, context=context) as pool:
            result = pool.map_async(tasks.report_and_wait, [rendezvous.address] * 6)
            peers = [rendezvous.accept()]
            pool.resize(6)
            peers += [rendezvous.accept() for _ in range(5)]
            for peer in peers:
                peer.release()
            assert result.get(30) == ["released"] * 6

    def test_a_running_imap_uses_them(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        with Pool(1, context=context) as pool:
            results = pool.imap(tasks.report_and_wait, iter([rendezvous.address] * 6))
            peers = [rendezvous.accept()]
            pool.resize(6)
            waiting = pool.apply_async(tasks.square, (3,))  # a thread collects
            peers += [rendezvous.accept() for _ in range(5)]
            for peer in peers:
                peer.release()
            assert list(results) == ["released"] * 6
            assert waiting.get(30) == 9

    def test_new_workers_share_the_processors_in_the_new_number(
        self, context: BaseContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            monkeypatch.delenv(name, raising=False)
        with Pool(usable_cpus(), context=context, maxtasksperchild=1) as pool:
            pool.resize(1)
            await_workers(pool, 1)
            pool.apply(threads_allowed)
            assert pool.apply(threads_allowed) == str(usable_cpus())


class TestShrinking:
    def test_idle_workers_end(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        with Pool(3, context=context) as pool:
            assert numbers_of(pool, rendezvous, 3) == [0, 1, 2]
            pool.resize(1)
            await_workers(pool, 1)
            assert numbers_of(pool, rendezvous, 1) == [0]

    def test_running_tasks_are_finished_first(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        with Pool(3, context=context) as pool:
            running = [pool.apply_async(tasks.report_and_wait, (rendezvous.address,)) for _ in range(3)]
            peers = [rendezvous.accept() for _ in range(3)]
            queued = [pool.apply_async(tasks.square, (i,)) for i in range(50)]
            pool.resize(1)
            for peer in peers:
                peer.release()
            assert [result.get(30) for result in running] == ["released"] * 3
            assert [result.get(30) for result in queued] == [i * i for i in range(50)]
            await_workers(pool, 1)

    def test_others_run_what_was_not_begun(self, context: BaseContext, rendezvous: Rendezvous, path: str) -> None:
        """Of a chunk that a worker has taken which is to end."""
        with Pool(2, context=context) as pool:
            busy = pool.apply_async(tasks.report_and_wait, (rendezvous.address,))
            peer = rendezvous.accept()
            chunk = pool.map_async(partial(pooling.record_and_wait_if, path, rendezvous.address, 0), range(30), 30)
            first = rendezvous.accept()
            pool.resize(1)
            peer.release()
            assert busy.get(30) == "released"
            first.release()
            assert chunk.get(30) == list(range(30))
            assert sorted(map(int, pooling.recorded(path))) == list(range(30))
            await_workers(pool, 1)

    def test_they_end_in_order(self, context: BaseContext, path: str, rendezvous: Rendezvous) -> None:
        state = WorkerState(pooling.make_state, 0, close=pooling.Closing(path))
        with Pool(1, context=context, on_exit=partial(pooling.record_end, path)) as pool:
            pool.resize(2)
            assert numbers_of(pool, rendezvous, 2) == [0, 1]  # the second has begun
            pool.map(state.passed_to(pooling.add_to_state), range(100), 1)
            pool.resize(1)
            await_workers(pool, 1)
            assert pooling.recorded(path)[-1] == "ended"

    def test_and_growing_again(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        """The workers that were to end do, and others take their numbers."""
        with Pool(2, context=context) as pool:
            running = [pool.apply_async(tasks.report_and_wait, (rendezvous.address,)) for _ in range(2)]
            peers = [rendezvous.accept() for _ in range(2)]
            pool.resize(1)
            pool.resize(2)
            for peer in peers:
                peer.release()
            assert [result.get(30) for result in running] == ["released"] * 2
            assert numbers_of(pool, rendezvous, 2) == [0, 1]

    def test_of_a_closed_pool_goes_on(self, context: BaseContext) -> None:
        with Pool(4, context=context) as pool:
            result = pool.map_async(tasks.return_later, range(100), 1)
            pool.resize(1)
            pool.close()
            assert pool.join(30)
            assert result.get(0) == list(range(100))


def kill_one(pool: Pool, dice: random.Random) -> None:
    """Kill a worker at random."""
    if workers := pool._pool:
        dice.choice(workers).kill()


class TestUnderLoad:
    @pytest.mark.watchdog(300)
    def test_up_and_down(self, context: BaseContext, rounds: Callable[[int, int], int], path: str) -> None:
        n = rounds(80, 800)
        with Pool(2, context=context) as pool:
            for i in range(n):
                pool.resize(SIZES[i % len(SIZES)])
                numbers = range(i * ITEMS, (i + 1) * ITEMS)
                calls = [pool.apply_async(pooling.record_number, (path, number)) for number in numbers[::2]]
                mapped = pool.map(partial(pooling.record_number, path), numbers[1::2], i % 5 + 1)
                assert [call.get(60) for call in calls] == list(numbers[::2])
                assert mapped == list(numbers[1::2])
                if i % 10 == 0:
                    await_workers(pool, SIZES[i % len(SIZES)])  # else workers that start slowly would never be ready
            pool.resize(2)
            await_workers(pool, 2)
        assert sorted(map(int, pooling.recorded(path))) == list(range(n * ITEMS))

    @pytest.mark.watchdog(300)
    def test_while_workers_are_killed(self, context: BaseContext, rounds: Callable[[int, int], int], path: str) -> None:
        dice, n, died = random.Random(3), rounds(25, 400), 0
        with Pool(2, context=context) as pool:
            pool.apply(tasks.square, (1,))
            for i in range(n):
                result = pool.map_async(
                    partial(pooling.record_number, path), range(i * ITEMS, (i + 1) * ITEMS), 3, return_exceptions=True
                )
                pool.resize(SIZES[i % len(SIZES)])
                kill_one(pool, dice)
                for number, found in enumerate(result.get(60), i * ITEMS):
                    assert found == number or isinstance(found, WorkerDied)
                    died += found != number
        begun = list(map(int, pooling.recorded(path)))
        assert len(begun) == len(set(begun))
        assert n * ITEMS - died <= len(begun) <= n * ITEMS

    def test_by_several_threads(self, context: BaseContext) -> None:
        with Pool(1, context=context) as pool:
            threads = [threading.Thread(target=pool.resize, args=(n,)) for n in (3, 1, 2, 4) * 5]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert pool.map(tasks.square, range(100), 1) == [i * i for i in range(100)]
            pool.resize(2)
            await_workers(pool, 2)


class Two:
    def __index__(self) -> int:
        return 2


class TestArguments:
    def test_what_is_no_number(self, pool: Pool) -> None:
        for wrong in (1.5, "2", None):
            with pytest.raises(TypeError, match=f"processes must be an integer, not {wrong!r}"):
                pool.resize(wrong)  # type: ignore[arg-type]

    @pytest.mark.parametrize("number", [0, -3])
    def test_what_is_too_small(self, pool: Pool, number: int) -> None:
        with pytest.raises(ValueError, match=f"processes must be at least 1, not {number}"):
            pool.resize(number)

    def test_what_has_an_index(self, context: BaseContext) -> None:
        with Pool(1, context=context) as pool:
            number: Any = Two()
            pool.resize(number)
            assert pool._processes == 2
            assert pool.executor()._max_workers == 2
            assert "pool_size=2" in repr(pool)

    def test_a_pool_that_is_over(self, context: BaseContext) -> None:
        pool = Pool(1, context=context)
        pool.close()
        with pytest.raises(ClosedError, match="Pool not running"):
            pool.resize(2)
        pool.join()
        with pytest.raises(ClosedError, match="Pool not running"):
            pool.resize(2)
        with Pool(1, context=context, initializer=tasks.fail, initargs=(3,)) as broken:
            with pytest.raises(PoolBroken):
                broken.apply(tasks.square, (1,))
            with pytest.raises(PoolBroken):
                broken.resize(2)
