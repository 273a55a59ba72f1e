"""Run one scenario: ``python -m processing_testing.crashing put --recoveries 3``."""

from __future__ import annotations

import argparse
import random

from processing_testing.crashing import SCENARIOS
from processing_testing.crashing.laboratory import ARENA_LIMIT, Laboratory, load_crash_kernel


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
    kernel.found("laboratory", ARENA_LIMIT)
    laboratory = Laboratory(kernel, choice.scenario)
    rounds, twice = laboratory.run(choice.steps, choice.recoveries, random.Random(choice.seed))
    print(f"{choice.scenario}: {rounds} rounds, {twice} with a recoverer killed too; nothing lost, nothing leaked")


if __name__ == "__main__":
    main()
