"""Workers that take tasks from one queue and put results into another; without a pool, to show what one is made of.

python examples/workers.py
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import processing

WORKERS = 3
STOP = None

Task = tuple[Callable[..., Any], tuple[Any, ...]]


def work(tasks: processing.Queue[Task | None], results: processing.Queue[tuple[str, Any]]) -> None:
    """Run tasks until told to stop."""
    for function, arguments in iter(tasks.get, STOP):
        results.put((processing.current_process().name, function(*arguments)))


def main() -> None:
    """Give twenty tasks to three workers."""
    tasks: processing.Queue[Task | None] = processing.Queue()
    results: processing.Queue[tuple[str, Any]] = processing.Queue()
    tasks.put_many([(pow, (2, number)) for number in range(10)])
    tasks.put_many([(divmod, (number, 7)) for number in range(10)])
    workers = [processing.Process(target=work, args=(tasks, results), name=f"worker {n}") for n in range(WORKERS)]
    for worker in workers:
        worker.start()
    tasks.put_many([STOP] * WORKERS)
    found = [results.get() for _ in range(20)]
    for worker in workers:
        worker.join()
    print(sorted(value for _, value in found if isinstance(value, int)))
    print({name for name, _ in found} <= {worker.name for worker in workers})


if __name__ == "__main__":
    main()
