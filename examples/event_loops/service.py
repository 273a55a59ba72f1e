"""An asyncio service that accepts HTTP connections and computes in a pool, with a time limit for each request.

``GET /17`` is answered with the 17th prime. A request whose computation takes longer than the limit gets 503, and its
computation is stopped; the others go on.

    python examples/event_loops/service.py 8080
"""

from __future__ import annotations

import asyncio
import sys

import processing

LIMIT = 1.0
"""Seconds for each request."""


def prime(number: int) -> int:
    """The prime of that number, counted from 1."""
    found: list[int] = []
    candidate = 2
    while len(found) < number:
        if all(candidate % p for p in found if p * p <= candidate):
            found.append(candidate)
        candidate += 1
    return found[-1]


async def answer(pool: processing.Pool, path: str) -> tuple[str, str]:
    """The status and the body for a path."""
    try:
        number = int(path.strip("/"))
    except ValueError:
        return "404 Not Found", "no number"
    result = pool.apply_async(prime, (number,))
    try:
        async with asyncio.timeout(LIMIT):
            return "200 OK", str(await result)
    except TimeoutError:
        result.cancel()
        return "503 Service Unavailable", "too hard"


async def serve(pool: processing.Pool, port: int) -> asyncio.Server:
    """Begin to listen."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, body = await answer(pool, request.split()[1])
        writer.write(f"HTTP/1.0 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return await asyncio.start_server(handle, "127.0.0.1", port)


async def main(port: int) -> None:
    """Serve until the program is interrupted."""
    async with processing.Pool() as pool, await serve(pool, port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
