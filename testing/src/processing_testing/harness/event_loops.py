"""The event loops that tests of awaitable methods run in: one interface to asyncio's, uvloop and trio.

A test has a function with one argument, an `EventLoop`, and gives it to `EventLoop.run`.
"""

from __future__ import annotations

import asyncio
import select
import sys
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Any

import pytest

LOOPS = ("asyncio", "selector", "trio") if sys.platform == "win32" else ("asyncio", "uvloop", "trio")
"""``asyncio`` is its default loop, which on Windows waits for the ends of operations; ``selector`` is its other one."""


class Background:
    """A function that runs beside the test's."""

    def cancel(self) -> None:
        """Cancel it."""
        raise NotImplementedError

    def done(self) -> bool:
        """Whether it has ended."""
        raise NotImplementedError

    async def result(self) -> Any:
        """What it returned.

        :raises Cancelled: if it was cancelled.
        :raises BaseException: what it raised.
        """
        raise NotImplementedError


class Cancelled(Exception):
    """The function was cancelled."""


class EventLoop:
    """A kind of event loop.

    :param kind: one of `LOOPS`.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def run(self, main: Callable[[EventLoop], Awaitable[Any]]) -> Any:
        """Run a function to its end.  asyncio's loops run in debug mode."""
        if self.kind == "trio":
            import trio

            return trio.run(self._run_in_nursery, main)
        if self.kind == "uvloop":
            import uvloop

            with asyncio.Runner(debug=True, loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(self._run_main(main))
        factory = asyncio.SelectorEventLoop if self.kind == "selector" else None
        with asyncio.Runner(debug=True, loop_factory=factory) as runner:
            runner.get_loop().slow_callback_duration = 10  # a process that starts on a busy machine is no callback
            return runner.run(self._run_main(main))

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run."""
        if self.kind == "trio":
            import trio

            await trio.sleep(seconds)
        else:
            await asyncio.sleep(seconds)

    def start(self, function: Callable[..., Awaitable[Any]], *args: Any, **kwds: Any) -> Background:
        """Run a function beside the test's."""
        if self.kind == "trio":
            return _TrioTask(self._nursery, function, args, kwds)
        return _AsyncioTask(function, args, kwds)

    async def settle(self) -> None:
        """Let every task that can run do so, a few times."""
        for _ in range(5):
            await self.sleep(0)

    async def _run_main(self, main: Callable[[EventLoop], Awaitable[Any]]) -> Any:
        return await main(self)

    async def _run_in_nursery(self, main: Callable[[EventLoop], Awaitable[Any]]) -> Any:
        import trio

        async with trio.open_nursery() as self._nursery:
            result = await main(self)
            self._nursery.cancel_scope.cancel()
        return result


class _AsyncioTask(Background):
    def __init__(self, function: Callable[..., Awaitable[Any]], args: Any, kwds: Any) -> None:
        async def run() -> Any:
            return await function(*args, **kwds)

        self._task = asyncio.create_task(run())

    def cancel(self) -> None:
        self._task.cancel()

    def done(self) -> bool:
        return self._task.done()

    async def result(self) -> Any:
        try:
            return await self._task
        except asyncio.CancelledError:
            raise Cancelled from None


class _TrioTask(Background):
    def __init__(self, nursery: Any, function: Callable[..., Awaitable[Any]], args: Any, kwds: Any) -> None:
        import trio

        self._scope = trio.CancelScope()
        self._ended = trio.Event()
        self._outcome: tuple[Any, BaseException | None] = None, Cancelled()
        nursery.start_soon(self._run, function, args, kwds)

    async def _run(self, function: Callable[..., Awaitable[Any]], args: Any, kwds: Any) -> None:
        try:
            with self._scope:
                try:
                    self._outcome = await function(*args, **kwds), None
                except Exception as error:
                    self._outcome = None, error
        finally:
            self._ended.set()

    def cancel(self) -> None:
        self._scope.cancel()

    def done(self) -> bool:
        return bool(self._ended.is_set())

    async def result(self) -> Any:
        await self._ended.wait()
        value, error = self._outcome
        if error is not None:
            raise error
        return value


def _warm_up() -> None:
    """Run uvloop's loop once: it makes a pipe then that the process keeps, and tests count descriptors."""
    if find_spec("uvloop") is not None:
        EventLoop("uvloop").run(lambda loop: loop.sleep(0))


_warm_up()


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> EventLoop:
    """Each kind of event loop that is installed."""
    kind = str(request.param)
    if not hasattr(select, "epoll") and sys.platform != "win32":
        pytest.skip("on this system there are no waits in event loops")
    if kind != "selector" and find_spec(kind) is None:
        pytest.skip(f"{kind} is not installed")
    return EventLoop(kind)
