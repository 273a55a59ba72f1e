"""asyncio awaits what a pool computes, by ``run_in_executor``."""

from __future__ import annotations

import asyncio

import processing


def cube(number: int) -> int:
    """*number* to the third power."""
    return number**3


async def work(executor: processing.ProcessPoolExecutor) -> int:
    """Await many at once."""
    loop = asyncio.get_running_loop()
    return sum(await asyncio.gather(*(loop.run_in_executor(executor, cube, i) for i in range(100))))


def main() -> None:
    """Run the loop."""
    with processing.ProcessPoolExecutor(2) as executor:
        print(asyncio.run(work(executor)))


if __name__ == "__main__":
    main()
