"""What a pool remembers of how long functions took, and how a map begins that knows it."""

from __future__ import annotations

import gc
from functools import partial

import pytest

from processing_pool._jobs.item_times import ItemTimes
from processing_pool._jobs.window import LARGEST_CHUNK, Window


def quick(number: int) -> int:
    return number


class Unhashable:
    __hash__ = None  # type: ignore[assignment]

    def __call__(self, number: int) -> int:
        return number

    def bound(self, number: int) -> int:
        return number


class TestItemTimes:
    def test_nothing_is_known_at_first(self) -> None:
        assert ItemTimes().of(quick) is None

    @pytest.mark.parametrize("function", [quick, abs, int, Unhashable().bound, partial(partial(quick), 1)])
    def test_a_function_is_known(self, function: object) -> None:
        item_times = ItemTimes()
        item_times.remember(function, 0.5, 10)  # type: ignore[arg-type]
        assert item_times.of(function) == 0.5  # type: ignore[arg-type]

    def test_bound_arguments_do_not_count(self) -> None:
        item_times = ItemTimes()
        item_times.remember(partial(quick, 1), 0.5, 10)
        assert item_times.of(partial(quick, 2)) == item_times.of(quick) == 0.5

    def test_of_an_object_that_is_called_nothing_is_remembered(self) -> None:
        item_times, function = ItemTimes(), Unhashable()
        item_times.remember(function, 0.5, 10)
        assert item_times.of(function) is None

    def test_a_shorter_time_replaces_a_longer_one(self) -> None:
        item_times = ItemTimes()
        item_times.remember(quick, 0.5, 1)
        item_times.remember(quick, 0.1, 1)
        assert item_times.of(quick) == 0.1

    def test_a_longer_time_counts_by_its_items(self) -> None:
        item_times = ItemTimes()
        item_times.remember(quick, 1.0, 1)
        item_times.remember(quick, 3.0, 10_000)
        assert item_times.of(quick) == 2.0

    def test_a_function_that_is_dropped_is_forgotten(self) -> None:
        item_times = ItemTimes()
        item_times.remember(lambda: 0, 0.5, 1)
        gc.collect()
        assert len(item_times._seconds) == 0


def sizes(window: Window, total: int) -> list[int]:
    """The messages of a map of *total* items that are all sent at once."""
    found: list[int] = []
    while (left := total - sum(found)) > 0:
        found.append(window.next_chunk(left))
    return found


class TestFirstMessages:
    def test_without_a_time_they_have_one_item(self) -> None:
        assert Window(2, None, total=1000).chunk == 1

    def test_of_quick_items_each_worker_gets_a_share_and_none_is_tiny(self) -> None:
        assert sizes(Window(2, None, item_time=1e-6, total=1000), 1000) == [250, 187, 140, 105, 100, 100, 100, 18]

    def test_few_quick_items_are_shared_equally(self) -> None:
        assert sizes(Window(2, None, item_time=1e-7, total=100), 100) == [50, 50]

    def test_not_more_items_than_messages_are_sent_one_by_one(self) -> None:
        assert sizes(Window(2, None, item_time=1e-7, total=4), 4) == [1, 1, 1, 1]

    def test_of_long_items_they_have_one(self) -> None:
        assert sizes(Window(2, None, item_time=1.0, total=100), 100) == [1] * 100

    def test_they_take_no_longer_than_half_a_window_should(self) -> None:
        assert sizes(Window(2, None, item_time=0.001, total=100), 100)[:3] == [5, 5, 5]

    def test_there_is_an_end_to_their_size(self) -> None:
        assert Window(2, None, item_time=0.0, total=10**9).chunk == LARGEST_CHUNK

    def test_a_chunksize_that_is_given_stays(self) -> None:
        assert Window(2, 7, item_time=1e-6, total=1000).chunk == 7

    def test_a_larger_grain_stays(self) -> None:
        assert Window(2, None, grain=16, item_time=1.0, total=100).chunk == 16
