"""What a task of an event loop waits for: another process's answer, and a pool's."""

from __future__ import annotations

import asyncio
import concurrent.futures
import multiprocessing
import socket
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from benchmarks.comparison import Peer, Row

fork = multiprocessing.get_context("fork")
WORKERS = 2

Turn = Callable[[int], Awaitable[object]]


async def timed(turn: Turn, n: int) -> float:
    await turn(0)
    start = perf_counter()
    for number in range(n):
        await turn(number)
    return perf_counter() - start


def identity(number: int) -> int:
    return number


# -- an item there and back


def echo_queue(there: Any, back: Any, n: int) -> None:
    for _ in range(n):
        back.put(there.get())


def ours_queue(n: int) -> float:
    import processing

    there, back = processing.Queue[int](), processing.Queue[int]()

    async def turn(number: int) -> None:
        there.put(number)
        await back.get_async()

    with_echo = fork.Process(target=echo_queue, args=(there, back, n + 1))
    with_echo.start()
    taken = asyncio.run(timed(turn, n))
    with_echo.join()
    return taken


def aioprocessing_queue(n: int) -> float:
    import aioprocessing

    there, back = aioprocessing.AioQueue(), aioprocessing.AioQueue()

    async def turn(number: int) -> None:
        there.put(number)
        await back.coro_get()

    with_echo = fork.Process(target=echo_queue, args=(there, back, n + 1))
    with_echo.start()
    taken = asyncio.run(timed(turn, n))
    with_echo.join()
    return taken


def asyncio_queue(n: int) -> float:
    async def main() -> float:
        there, back = asyncio.Queue[int](), asyncio.Queue[int]()

        async def echo() -> None:
            while True:
                back.put_nowait(await there.get())

        async def turn(number: int) -> None:
            there.put_nowait(number)
            await back.get()

        task = asyncio.create_task(echo())
        taken = await timed(turn, n)
        task.cancel()
        return taken

    return asyncio.run(main())


def echo_socket(end: socket.socket, n: int) -> None:
    for _ in range(n):
        end.send(end.recv(8))


def socketpair(n: int) -> float:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    async def turn(number: int) -> None:
        ours.send(b"12345678")
        await asyncio.get_running_loop().sock_recv(ours, 8)

    with ours, theirs:
        with_echo = fork.Process(target=echo_socket, args=(theirs, n + 1))
        with_echo.start()
        taken = asyncio.run(timed(turn, n))
        with_echo.join()
    return taken


# -- a wake-up, in one process


def ours_wake(n: int) -> float:
    import processing

    queue = processing.Queue[int]()

    async def turn(number: int) -> None:
        asyncio.get_running_loop().call_soon(queue.put, number)
        await queue.get_async()

    return asyncio.run(timed(turn, n))


def socketpair_wake(n: int) -> float:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    async def turn(number: int) -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(theirs.send, b"12345678")
        await loop.sock_recv(ours, 8)

    with ours, theirs:
        return asyncio.run(timed(turn, n))


# -- an object that is there


def ours_ready(n: int) -> float:
    import processing

    queue = processing.Queue[int]()

    async def turn(number: int) -> None:
        await queue.put_async(number)
        await queue.get_async()

    return asyncio.run(timed(turn, n))


def asyncio_ready(n: int) -> float:
    async def main() -> float:
        queue = asyncio.Queue[int]()

        async def turn(number: int) -> None:
            await queue.put(number)
            await queue.get()

        return await timed(turn, n)

    return asyncio.run(main())


def aioprocessing_ready(n: int) -> float:
    import aioprocessing

    queue = aioprocessing.AioQueue()

    async def turn(number: int) -> None:
        await queue.coro_put(number)
        await queue.coro_get()

    return asyncio.run(timed(turn, n))


# -- a pool


def ours_pool(n: int) -> float:
    import processing

    with processing.Pool(WORKERS, context=processing.get_context("fork")) as pool:

        async def turn(number: int) -> None:
            await pool.apply_async(identity, (number,))

        return asyncio.run(timed(turn, n))


def run_in_executor(n: int) -> float:
    with concurrent.futures.ProcessPoolExecutor(WORKERS, mp_context=fork) as executor:

        async def turn(number: int) -> None:
            await asyncio.get_running_loop().run_in_executor(executor, identity, number)

        return asyncio.run(timed(turn, n))


ROWS = [
    Row(
        "await-queue",
        "an item to a process and back, awaited by a task",
        "round trip",
        ours_queue,
        (
            Peer("aioprocessing", aioprocessing_queue, requires="aioprocessing"),
            Peer("socketpair", socketpair),
            Peer("asyncio.Queue, one process", asyncio_queue),
        ),
        first=100,
    ),
    Row(
        "await-wake",
        "a put of this process wakes a task that waits",
        "wake-up",
        ours_wake,
        (Peer("socketpair", socketpair_wake, floor=0.5),),
        first=100,
    ),
    Row(
        "await-ready",
        "put_async and get_async that need not wait",
        "item",
        ours_ready,
        (
            Peer("aioprocessing", aioprocessing_ready, requires="aioprocessing"),
            Peer("asyncio.Queue, one process", asyncio_ready),
        ),
        first=100,
    ),
    Row(
        "await-pool",
        "await pool.apply_async(f)",
        "call",
        ours_pool,
        (Peer("run_in_executor", run_in_executor),),
        first=100,
    ),
]
