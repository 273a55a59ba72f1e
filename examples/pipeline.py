"""A pipeline of three stages, of which one process is killed and replaced; no line is lost.

    python examples/pipeline.py

Two processes parse lines and put them into the next queue; the program adds up what comes out. One parser kills itself
in the middle. The program learns of it by the process's sentinel, starts another, and gives it the line again that the
dead one had taken.
"""

from __future__ import annotations

import os
from typing import Any

import processing

LINES = [f"{number} {number * number}" for number in range(2000)]
FATAL = 700


def parse(
    lines: processing.Queue[Any],
    parsed: processing.Queue[Any],
    deaths: processing.Value[int],
    began: processing.Value[int],
) -> None:
    """Parse until the queue is shut down; `began` says which line this process has in hand."""
    while True:
        try:
            number, line = lines.get()
        except processing.ShutDown:
            return
        began.value = number
        if number == FATAL and deaths.fetch_add(1) == 0:
            os.kill(os.getpid(), 9)  # SIGKILL; Windows makes 9 the exit code
        parsed.put((number, sum(map(int, line.split()))))
        began.value = -1


class Stage:
    """One parser, and which line it has in hand."""

    def __init__(self, *shared: Any) -> None:
        self.began = processing.Value("q", -1)
        self.process = processing.Process(target=parse, args=(*shared, self.began))
        self.process.start()


def main() -> None:
    """Run the pipeline until every line has its result."""
    lines: processing.Queue[Any] = processing.Queue()
    parsed: processing.Queue[Any] = processing.Queue()
    deaths = processing.Value("q")
    stages = [Stage(lines, parsed, deaths) for _ in range(2)]
    lines.put_many(list(enumerate(LINES)))
    results: dict[int, int] = {}
    while len(results) < len(LINES):
        ready = processing.wait([parsed, *(stage.process.sentinel for stage in stages)])
        for stage in [stage for stage in stages if stage.process.sentinel in ready]:
            print(f"a parser died: exit code {stage.process.exitcode}, line {stage.began.value}")
            stages[stages.index(stage)] = Stage(lines, parsed, deaths)
            if stage.began.value >= 0:
                lines.put((stage.began.value, LINES[stage.began.value]))
        if parsed in ready:
            results.update(parsed.get_many(1000))
    lines.shutdown()
    for stage in stages:
        stage.process.join()
    print(f"{len(results)} lines, sum {sum(results.values())}")


if __name__ == "__main__":
    main()
