"""`interruption_points` finds every point of a call, and finds it again in each call."""

from __future__ import annotations

import pytest

from processing_testing.harness import interruption_points
from processing_testing.harness.interruption_points import Interrupter, count_points, each_point


class Resource:
    """Has a function that its finalizer calls too."""

    def close(self) -> None:
        self.release()

    def release(self) -> None:
        abs(1)

    def __del__(self) -> None:
        self.release()


def use() -> None:
    Resource().close()


@pytest.fixture(autouse=True)
def _of_this_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption_points, "PACKAGES", (__file__,))


def test_a_function_that_a_finalizer_calls_too_has_its_points() -> None:
    places = [interrupter.where for interrupter in each_point(use) if interrupter.raised]
    assert [place for place in places if place.endswith("in Resource.release")], places
    assert len(places) == count_points(use)


def test_an_interruption_takes_no_point_from_the_next_call() -> None:
    total = count_points(use)
    for point in range(1, total + 1):
        interrupter = Interrupter(point)
        with pytest.raises(interruption_points.Interrupt):
            interrupter.run(use)
    assert count_points(use) == total


def test_no_point_lies_between_the_beginning_of_a_call_and_the_function() -> None:
    taken: list[int] = []

    def call() -> None:
        taken.clear()
        taken.append(1)
        taken.append(2)

    seen = [(interrupter.raised, list(taken)) for interrupter in each_point(call)]
    after_calls = [state for raised, state in seen if raised][-3:]
    assert after_calls == [[], [1], [1, 2]], seen
