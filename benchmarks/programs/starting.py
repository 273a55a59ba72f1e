"""A typical program: it imports what it needs, and starts processes.  Prints the seconds that ``n`` of them took.

python starting.py processing|fork|forkserver|spawn n
"""

import argparse
import asyncio
import dataclasses
import json
import logging
import multiprocessing
import os
import sys
from itertools import repeat
from time import perf_counter
from typing import Any


@dataclasses.dataclass
class Report:
    """What is printed."""

    seconds: float


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("side")
    parser.add_argument("n", type=int)
    options = parser.parse_args()
    process = process_class(options.side)
    cycle(process)  # starts a forkserver, where there is one
    start = perf_counter()
    for _ in repeat(None, options.n):
        cycle(process)
    json.dump(dataclasses.asdict(Report(perf_counter() - start)), sys.stdout)


def process_class(side: str) -> Any:
    """Ours, or multiprocessing's for a start method."""
    if side == "processing":
        import processing

        return processing.Process
    return multiprocessing.get_context(side).Process  # type: ignore[attr-defined]


def cycle(process: Any) -> None:
    """Start a process and join it."""
    child = process(target=os.getpid)
    child.start()
    child.join()
    assert child.exitcode == 0


logger = logging.getLogger(__name__)
policy = asyncio.Lock

if __name__ == "__main__":
    main()
