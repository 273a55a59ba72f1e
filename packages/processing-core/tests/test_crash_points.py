"""The kernel is killed at every numbered step, and so is the process that recovers: see `processing_testing.crash`."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from processing_testing import crash
from processing_testing.harness.mechanisms import needs_forks

BOUNDED_STEPS, BOUNDED_RECOVERIES = 40, 2
EVERY_STEP, FULL_RECOVERIES = 0, 5


@needs_forks
@pytest.mark.attack
@pytest.mark.parametrize("scenario", sorted(crash.SCENARIOS))
def test_survivors_recover_from_a_kill_at_any_step(scenario: str, rounds: Callable[[int, int], int]) -> None:
    steps = rounds(BOUNDED_STEPS, EVERY_STEP)
    recoveries = rounds(BOUNDED_RECOVERIES, FULL_RECOVERIES)
    command = [sys.executable, "-m", "processing_testing.crash", scenario]
    run = subprocess.run(
        [*command, "--steps", str(steps), "--recoveries", str(recoveries)], capture_output=True, text=True, check=False
    )
    print(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "nothing lost, nothing leaked" in run.stdout
