"""`Pool(idle_timeout=...)`: workers without tasks end, and are started again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from processing_core import BaseContext
from processing_pool import Pool, WorkerDied
from processing_testing.children import pooling, tasks
from processing_testing.harness import pool_state
from processing_testing.harness.rendezvous import Rendezvous

SOON = 0.02


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "record")


def await_workers(pool: Pool, n: int) -> None:
    """Poll until there are that many workers: there is no event for it."""
    deadline = time.monotonic() + 30
    while len(pool._pool) != n:
        assert time.monotonic() < deadline
        time.sleep(0.001)


class TestEnds:
    def test_all_workers_end_and_others_are_started(self, context: BaseContext, path: str) -> None:
        with Pool(2, context=context, idle_timeout=SOON, on_exit=partial(pooling.record_end, path)) as pool:
            for i in range(3):
                await_workers(pool, 0)
                assert pool.apply(tasks.square, (i,)) == i * i
                assert pool.map(tasks.square, range(100)) == [i * i for i in range(100)]
            await_workers(pool, 0)
            assert set(pooling.recorded(path)) == {"ended"}
            assert pool._processes == 2

    def test_as_many_are_started_as_tasks_wait(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        with Pool(4, context=context, idle_timeout=SOON) as pool:
            await_workers(pool, 0)
            results, peers = [], []
            for n in range(1, 5):
                results.append(pool.apply_async(tasks.report_and_wait, (rendezvous.address,)))
                peers.append(rendezvous.accept())
                assert len(pool._pool) == n  # the others are at work, so no further one is there
            for peer in peers:
                peer.release()
            assert [result.get(30) for result in results] == ["released"] * 4

    def test_those_at_work_stay(self, context: BaseContext, rendezvous: Rendezvous) -> None:
        with Pool(2, context=context, idle_timeout=SOON) as pool:
            result = pool.apply_async(tasks.report_and_wait, (rendezvous.address,))
            peer = rendezvous.accept()
            await_workers(pool, 1)
            peer.release()
            assert result.get(30) == "released"

    def test_without_it_they_stay(self, context: BaseContext) -> None:
        with Pool(2, context=context) as pool:
            workers = pool._pool
            for _ in range(50):
                assert pool.apply(tasks.square, (2,)) == 4
                time.sleep(0.001)
            assert pool._pool == workers

    def test_every_way_to_give_tasks_starts_workers(self, context: BaseContext) -> None:
        with Pool(2, context=context, idle_timeout=SOON) as pool:
            ways: list[Callable[[], Any]] = [
                lambda: [pool.apply(tasks.square, (3,))],
                lambda: [pool.submit(tasks.square, 3).result(30)],
                lambda: pool.map(tasks.square, [3], 1),
                lambda: pool.map(tasks.square, [3], 2),
                lambda: list(pool.imap(tasks.square, [3])),
                lambda: list(pool.imap_unordered(tasks.square, [3], 2)),
                lambda: pool.starmap(tasks.square, [(3,)]),
            ]
            for way in ways:
                await_workers(pool, 0)
                assert way() == [9]

    def test_a_retry_starts_workers(self, context: BaseContext, path: str) -> None:
        with Pool(1, context=context, idle_timeout=SOON) as pool:
            result = pool.apply_async(pooling.fail_at_first, (path, 1, "raise"), retries=1, backoff=5 * SOON)
            assert result.get(30) == 2

    def test_of_a_closed_pool(self, context: BaseContext) -> None:
        with Pool(2, context=context, idle_timeout=SOON) as pool:
            await_workers(pool, 0)
            result = pool.map_async(tasks.square, range(10))
            pool.close()
            assert pool.join(30)
            assert result.get(0) == [i * i for i in range(10)]
        with Pool(2, context=context, idle_timeout=SOON) as pool:
            await_workers(pool, 0)
            pool.close()
            assert pool.join(30)

    def test_cancelled_tasks_are_not_begun(self, context: BaseContext, path: str) -> None:
        with Pool(1, context=context, idle_timeout=SOON) as pool:
            await_workers(pool, 0)
            result = pool.apply_async(pooling.record, (path, 1))
            assert result.cancel()
            assert pool.apply(tasks.square, (3,)) == 9
            await_workers(pool, 0)
            assert pool_state.is_idle(pool)


class TestRaces:
    @pytest.mark.watchdog(180)
    def test_tasks_at_the_instant_at_which_workers_end(
        self, context: BaseContext, rounds: Callable[[int, int], int], path: str
    ) -> None:
        n, dice = rounds(25, 600), random.Random(5)
        with Pool(1, context=context, idle_timeout=SOON) as pool:
            for i in range(n):
                assert pool.apply(pooling.record_number, (path, i)) == i
                end = time.monotonic() + SOON * (0.8 + 0.4 * dice.random())
                while time.monotonic() < end:
                    pass
        assert list(map(int, pooling.recorded(path))) == list(range(n))

    @pytest.mark.watchdog(180)
    def test_while_workers_are_killed_and_the_size_changes(
        self, context: BaseContext, rounds: Callable[[int, int], int], path: str
    ) -> None:
        n, dice, died = rounds(20, 400), random.Random(7), 0
        with Pool(2, context=context, idle_timeout=SOON) as pool:
            pool.apply(tasks.square, (1,))
            for i in range(n):
                result = pool.map_async(
                    partial(pooling.record_number, path), range(10 * i, 10 * i + 10), 2, return_exceptions=True
                )
                pool.resize(1 + i % 3)
                if workers := pool._pool:
                    dice.choice(workers).kill()
                for number, found in enumerate(result.get(60), 10 * i):
                    assert found == number or isinstance(found, WorkerDied)
                    died += found != number
                time.sleep(dice.random() * 2 * SOON)  # so that some rounds begin with fewer workers
            await_workers(pool, 0)
        begun = list(map(int, pooling.recorded(path)))
        assert len(begun) == len(set(begun))
        assert 10 * n - died <= len(begun) <= 10 * n


class TestArguments:
    @pytest.mark.parametrize("number", [0, -1, float("nan")])
    def test_values(self, number: Any) -> None:
        with pytest.raises(ValueError, match=f"idle_timeout must be positive, not {number}"):
            Pool(1, idle_timeout=number)

    @pytest.mark.parametrize("number", ["1", [], ()])
    def test_types(self, number: Any) -> None:
        with pytest.raises(TypeError, match="idle_timeout must be a number"):
            Pool(1, idle_timeout=number)
