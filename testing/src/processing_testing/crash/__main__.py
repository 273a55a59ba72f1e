"""Run one scenario: ``python -m processing_testing.crash put --recoveries 3``."""

from __future__ import annotations

import argparse
import random

from processing_testing.crash import SCENARIOS
from processing_testing.crash.runner import ARENA_LIMIT, CrashRunner, load_crash_kernel


def main() -> None:
    """Run a scenario, and print what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", choices=sorted(SCENARIOS))
    parser.add_argument("--steps", type=int, default=0, help="crash points of the act; 0: every one")
    parser.add_argument("--recoveries", type=int, default=0, help="crash points of each recovery; 0: every one")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    choice = parser.parse_args()
    print(f"seed {choice.seed}", flush=True)
    kernel = load_crash_kernel()
    kernel.create_family("runner", ARENA_LIMIT)
    runner = CrashRunner(kernel, choice.scenario)
    rounds, twice = runner.run(choice.steps, choice.recoveries, random.Random(choice.seed))
    print(f"{choice.scenario}: {rounds} rounds, {twice} with a recoverer killed too; nothing lost, nothing leaked")


if __name__ == "__main__":
    main()
