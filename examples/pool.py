"""Every way to give tasks to a pool, and what becomes of tasks that fail, hang, or kill their worker.

python examples/pool.py
"""

from __future__ import annotations

import os
import time

import processing


def cube(number: int) -> int:
    """A task that succeeds."""
    return number**3


def risky(number: int) -> int:
    """A task that raises or kills its worker, by its number."""
    if number == 1:
        raise ValueError("one")
    if number == 2:
        os._exit(7)
    return number


def shown(result: object) -> str:
    """An error by its type; a result as it is."""
    return type(result).__name__ if isinstance(result, BaseException) else str(result)


def main() -> None:
    """Give tasks in every way."""
    with processing.Pool(2) as pool:
        print("apply:", pool.apply(cube, (3,)))
        print("apply_async:", [result.get() for result in [pool.apply_async(cube, (n,)) for n in range(5)]])
        print("map:", pool.map(cube, range(5)))
        print("starmap:", pool.starmap(pow, [(2, 3), (3, 2)]))
        print("imap:", list(pool.imap(cube, range(5))))
        print("imap_unordered:", sorted(pool.imap_unordered(cube, range(5))))
        pool.map_async(cube, range(3), callback=lambda results: print("callback:", results)).wait()
        results = pool.map(risky, range(4), return_exceptions=True)
        print("failures:", [shown(result) for result in results])
        try:
            pool.apply(time.sleep, (1000,), timeout=0.2)
        except processing.TaskTimeout as error:
            print("timeout:", shown(error))
        hanging = pool.apply_async(time.sleep, (1000,))
        print("cancel:", hanging.cancel(), hanging.cancelled())
        unfinished = pool.apply_async(time.sleep, (1000,))
    try:  # the end of the block has terminated the pool
        unfinished.get()
    except processing.ClosedError as error:
        print("terminate:", shown(error))


if __name__ == "__main__":
    main()
