"""A pipeline: an asynchronous generator, a pool, a queue, and an asynchronous consumer; in asyncio or in trio.

python examples/event_loops/pipeline.py asyncio
python examples/event_loops/pipeline.py trio
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import processing

TEXT = "the quick brown fox jumps over the lazy dog and the dog sleeps on"


async def words() -> AsyncIterator[str]:
    """What a network connection might deliver, little by little."""
    for word in TEXT.split():
        yield word


def measure(word: str) -> tuple[str, int]:
    """What takes long, and so runs in the pool."""
    return word, len(word)


async def produce(pool: processing.Pool, queue: processing.Queue[tuple[str, int]]) -> None:
    """Pull words as the pool takes them, and put what becomes of them into the queue."""
    async for measured in pool.imap(measure, words()):
        await queue.put_async(measured)
    queue.shutdown()


async def consume(queue: processing.Queue[tuple[str, int]]) -> dict[str, int]:
    """What came out of the queue, until it was shut down."""
    return {word: length async for word, length in queue}


async def run_in_asyncio() -> dict[str, int]:
    """Both ends as tasks of asyncio."""
    import asyncio

    queue = processing.Queue[tuple[str, int]](4)
    async with processing.Pool(2) as pool, asyncio.TaskGroup() as group:
        group.create_task(produce(pool, queue))
        return await group.create_task(consume(queue))


async def run_in_trio() -> dict[str, int]:
    """Both ends as tasks of trio."""
    import trio

    queue = processing.Queue[tuple[str, int]](4)
    async with processing.Pool(2) as pool, trio.open_nursery() as nursery:
        nursery.start_soon(produce, pool, queue)
        return await consume(queue)


def main(library: str) -> dict[str, int]:
    """Run the pipeline."""
    if library == "trio":
        import trio

        return trio.run(run_in_trio)  # type: ignore[no-any-return]
    import asyncio

    return asyncio.run(run_in_asyncio())


if __name__ == "__main__":
    print(main(sys.argv[1]))
