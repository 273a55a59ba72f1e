"""What one thread loses by a free-threaded build: ours beside what `threading` and `pickle` lose.

python -m benchmarks.free_threading [--rounds 5] [--count] PYTHON FREE_THREADED_PYTHON [OPERATION ...]

Both interpreters must be able to import `processing`. The measurements take turns, each in a fresh interpreter, and the
medians of the processor's time count. *Loss* is the free-threaded build's time by the other's; *beyond* is our loss by
the peer's, and is to be 1.25 at most. With ``--count`` instructions are compared instead, by perf or callgrind: they do
not depend on what else the machine does, but they do not show what an atomic operation costs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping

from benchmarks.instructions import Counter, counter, per_operation
from benchmarks.interleave import ROOT

PEERS = {
    "lock": "threading-lock",
    "rlock": "threading-rlock",
    "with-lock": "threading-with",
    "event": "threading-event",
    "value": "threading-lock",
    "queue-int": "pickle-int",
    "queue-dict": "pickle-dict",
    "pipe-int": "pickle-int",
    "pipe-dict": "pickle-dict",
}
MOST = 1.25
OPERATIONS_TIMED = 50_000
OPERATIONS_COUNTED = (1000, 3000)

Costs = Mapping[tuple[str, str], float]
"""Of an interpreter and an operation."""


def main() -> int:
    """:return: 1 if an operation loses too much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", action="store_true", help="compare instructions instead of seconds")
    parser.add_argument("python")
    parser.add_argument("free_threaded")
    parser.add_argument("operations", nargs="*", metavar="OPERATION", help=f"by default all: {', '.join(PEERS)}")
    options = parser.parse_args()
    if unknown := [name for name in options.operations if name not in PEERS]:
        parser.error(f"no such operation: {', '.join(unknown)}")
    names = options.operations or list(PEERS)
    pythons = [options.python, options.free_threaded]
    needed = dict.fromkeys([*(PEERS[name] for name in names), *names])
    pairs = [(python, name) for name in needed for python in pythons]
    costs = counted(pairs) if options.count else timed(pairs, options.rounds)
    return report(costs, names, *pythons, shown=instructions if options.count else nanoseconds)


def command(python: str, name: str, n: int) -> list[str]:
    return [python, "-m", "benchmarks.one_thread", name, str(n)]


def timed(pairs: list[tuple[str, str]], rounds: int) -> Costs:
    """Medians of seconds."""
    seconds: dict[tuple[str, str], list[float]] = {pair: [] for pair in pairs}
    for _ in range(rounds):
        for pair in pairs:
            seconds[pair].append(seconds_of(*pair))
    return {pair: statistics.median(samples) for pair, samples in seconds.items()}


def seconds_of(python: str, name: str) -> float:
    run = subprocess.run(command(python, name, OPERATIONS_TIMED), capture_output=True, text=True, cwd=ROOT, check=True)
    return float(run.stdout)


def counted(pairs: list[tuple[str, str]]) -> Costs:
    """Instructions."""
    with counter() as count:
        if count is None:
            raise SystemExit("Neither perf nor valgrind can count instructions here.")
        return {pair: instructions_of(count, *pair) for pair in pairs}


def instructions_of(count: Counter, python: str, name: str) -> float:
    return per_operation(count, lambda n: command(python, name, n), os.environ, OPERATIONS_COUNTED)


def report(costs: Costs, names: list[str], python: str, free: str, shown: Callable[[float], str]) -> int:
    """Print the table.

    :return: 1 if an operation loses too much.
    """
    lost = {name: costs[free, name] / costs[python, name] for _, name in costs}
    print("| operation | with a GIL | free-threaded | loss | peer | its loss | beyond |")
    print("|---|---|---|---|---|---|---|")
    for name in names:
        peer = PEERS[name]
        mine = f"{name} | {shown(costs[python, name])} | {shown(costs[free, name])} | {lost[name]:.2f}"
        print(f"| {mine} | {peer} | {lost[peer]:.2f} | {lost[name] / lost[peer]:.2f} |")
    return int(any(lost[name] / lost[PEERS[name]] > MOST for name in names))


def nanoseconds(seconds: float) -> str:
    return f"{seconds * 1e9:.0f} ns"


def instructions(number: float) -> str:
    return f"{number:.0f}"


if __name__ == "__main__":
    sys.exit(main())
