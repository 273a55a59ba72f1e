"""Feeding ``imap`` from an asynchronous iterable: by a task of the event loop, in place of the feeder thread."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Coroutine

from processing_core.annotations import TYPE_CHECKING, Any, Protocol
from processing_core.lowlevel import BUSY, LoopAlarm, start_task, until

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AsyncFeeder", "FedJob"]


class FedJob(Protocol):
    """The job, as its feeder sees it."""

    def has_room(self) -> bool:
        """Whether a further item may be sent, or none will ever be."""

    def is_ended(self) -> bool:
        """Whether no further item is wanted."""

    def send_items(self, items: list[Any]) -> None:
        """Send items."""

    def end_feeding(self, error: BaseException | None) -> None:
        """Note that there are no more, or that the iterable has raised."""


class AsyncFeeder:
    """What stands in for the feeder thread's semaphore: `release` has the task look for room.

    :param items: the asynchronous iterable, which is pulled no further ahead than the job's window.
    """

    def __init__(self, job: FedJob, items: AsyncIterable[Any]) -> None:
        self._job = job
        self._items: AsyncIterator[Any] = aiter(items)
        self._alarm = LoopAlarm()

    def release(self) -> None:
        """There may be room; any thread may call it."""
        self._alarm.release()

    def start(self) -> None:
        """Start the task in the running loop."""
        run: Callable[[], Coroutine[Any, Any, None]] = self._run
        start_task(run)

    async def _run(self) -> None:
        error = None
        try:
            await self._feed()
        except BaseException as raised:
            error = raised
            if not isinstance(raised, Exception):
                raise
        finally:
            self._job.end_feeding(error)
            close = getattr(self._items, "aclose", None)
            if close is not None:
                await close()

    async def _feed(self) -> None:
        job = self._job
        while True:
            await until(lambda: job.has_room() or job.is_ended() or BUSY, self._alarm.observe, one=False)
            if job.is_ended():
                return
            try:
                item = await anext(self._items)
            except StopAsyncIteration:
                return
            job.send_items([item])
