from collections.abc import Callable

import pytest

from processing_testing.harness import attack


def test_the_fixture_is_the_function(rounds: Callable[[int, int], int], pytestconfig: pytest.Config) -> None:
    expected = 200 if pytestconfig.getoption("--attack") == "full" else 5
    assert rounds(5, 200) == attack.rounds(5, 200) == expected
