"""Items that are sent together: the outcome of each when one kills its worker, takes long, or cannot be pickled."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from processing_core import BaseContext
from processing_pool import MaybeEncodingError, NotUnpicklableError, Pool, WorkerDied
from processing_testing.children import pooling, tasks
from processing_testing.harness.rendezvous import Rendezvous


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "record")


class TestDeaths:
    def test_one_item_fails_and_none_is_run_twice(self, pool: Pool, path: str) -> None:
        work = partial(pooling.record_and_die_of, path, 37)
        results = pool.map(work, range(100), 25, return_exceptions=True)
        assert [i for i, result in enumerate(results) if result != i] == [37]
        died = results[37]
        assert isinstance(died, WorkerDied)
        assert died.exitcode == -9
        assert died.pid is not None
        assert sorted(map(int, pooling.recorded(path))) == list(range(100))

    @pytest.mark.parametrize("victim", [0, 24])
    def test_the_first_and_the_last_of_a_batch(self, pool: Pool, path: str, victim: int) -> None:
        results = pool.map(partial(pooling.record_and_die_of, path, victim), range(25), 25, return_exceptions=True)
        assert [i for i, result in enumerate(results) if result != i] == [victim]
        assert sorted(map(int, pooling.recorded(path))) == list(range(25))

    def test_in_streams(self, pool: Pool, path: str) -> None:
        results = pool.imap_unordered(partial(pooling.record_and_die_of, path, 3), range(40), 20)
        seen, dead = [], 0
        for _ in range(40):
            try:
                seen.append(results.next(30))
            except WorkerDied:
                dead += 1
        assert dead == 1
        assert sorted(seen) == [i for i in range(40) if i != 3]
        assert sorted(map(int, pooling.recorded(path))) == list(range(40))

    def test_without_return_exceptions_the_error_names_its_item(self, pool: Pool, path: str) -> None:
        with pytest.raises(WorkerDied) as caught:
            pool.map(partial(pooling.record_and_die_of, path, 37), range(100), 25)
        assert "item 37 of the 100" in caught.value.__notes__[0]
        assert caught.value.task is not None and caught.value.task.endswith("(37)")


class TestBacklogs:
    def test_no_worker_is_idle_while_another_holds_items(self, pool: Pool, rendezvous: Rendezvous) -> None:
        """The first item of a batch does not end before all the others were begun, by the other worker."""
        result = pool.map_async(partial(pooling.report_and_wait_if, rendezvous.address, 0), range(50), 50)
        peers = {peer.receive(): peer for peer in (rendezvous.accept() for _ in range(50))}
        assert sorted(peers) == list(range(50))
        assert not result.ready()
        peers[0].release()
        assert result.get(30) == list(range(50))

    def test_of_a_function_that_was_quick_before(self, pool: Pool, rendezvous: Rendezvous) -> None:
        """The map begins with batches, and the second item, which is in the first one's, is run by the other worker."""
        work = pooling.report_and_wait_if_first
        for _ in range(3):
            assert pool.starmap(work, [(None, i) for i in range(1000)]) == list(range(1000))
        result = pool.starmap_async(work, [(rendezvous.address, i) for i in range(50)])
        peers = {peer.receive(): peer for peer in (rendezvous.accept() for _ in range(50))}
        assert sorted(peers) == list(range(50))
        assert not result.ready()
        peers[0].release()
        assert result.get(30) == list(range(50))

    def test_of_streams(self, pool: Pool, rendezvous: Rendezvous) -> None:
        results = pool.imap_unordered(partial(pooling.report_and_wait_if, rendezvous.address, 0), range(20), 20)
        assert sorted(results.next(30) for _ in range(19)) == list(range(1, 20))
        peers = {peer.receive(): peer for peer in (rendezvous.accept() for _ in range(20))}
        peers[0].release()
        assert results.next(30) == 0

    def test_work_that_is_given_away_is_done_once(self, pool: Pool, path: str) -> None:
        work = partial(pooling.record_and_sleep, path, 0.004)
        assert pool.map(work, range(60), 60) == list(range(60))
        done = [line.split(":") for line in pooling.recorded(path)]
        assert sorted(int(number) for number, _ in done) == list(range(60))
        assert len({pid for _, pid in done}) == 2


class TestPickling:
    """Only the item that cannot be pickled fails, however many are sent with it."""

    @pytest.mark.parametrize("chunksize", [1, 6, None])
    def test_arguments(self, pool: Pool, chunksize: int | None) -> None:
        items = [0, tasks.Unpicklable(), 2, 3, tasks.Unloadable(), 5]
        results = pool.map(tasks.take, items, chunksize, return_exceptions=True)
        kinds = [result if isinstance(result, int) else type(result) for result in results]
        assert kinds == [0, RuntimeError, 2, 3, NotUnpicklableError, 5]

    @pytest.mark.parametrize("chunksize", [1, 5, None])
    def test_results(self, pool: Pool, chunksize: int | None) -> None:
        items = ["one", "result that does not dump", "two", "result that does not load", "three"]
        results = pool.map(tasks.make, items, chunksize, return_exceptions=True)
        kinds = [result if isinstance(result, str) else type(result) for result in results]
        assert kinds == ["one", MaybeEncodingError, "two", NotUnpicklableError, "three"]

    def test_large_results_among_small_ones(self, pool: Pool) -> None:
        items = [b"x" * size for size in (1, 9_000, 3, 100_000, 5, 8_100, 8_150, 8_160, 8_200, 7)]
        assert pool.map(tasks.take, items, 10) == items
        assert list(pool.imap(tasks.take, items, 10)) == items

    def test_more_results_than_fit_at_a_time(self, pool: Pool) -> None:
        assert pool.map(tasks.square, range(100_000), 40_000) == [i * i for i in range(100_000)]


@pytest.mark.attack
@pytest.mark.watchdog(240)
def test_every_item_of_batches_has_its_outcome(
    context: BaseContext, path: str, rounds: Callable[[int, int], int]
) -> None:
    """Many deaths in one map: each item is begun once, and its own outcome is what arrives."""
    n = rounds(600, 20_000)
    with Pool(3, context=context) as pool:
        work = partial(pooling.record_and_die_of_hundredth, path)
        results = pool.map(work, range(n), 30, return_exceptions=True)
    wrong = [
        (i, result)
        for i, result in enumerate(results)
        if (not isinstance(result, WorkerDied) if i % 100 == 99 else result != i)
    ]
    assert wrong == []
    assert sorted(map(int, pooling.recorded(path))) == list(range(n))
