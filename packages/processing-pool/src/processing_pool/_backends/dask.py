"""Dask's ``distributed`` as what runs a pool's tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future

from distributed import Client, KilledWorker

from processing_core.annotations import Any
from processing_pool._backends import remote
from processing_pool._backends.backend import Driver
from processing_pool._errors import PoolBroken, WorkerDied
from processing_pool._messages import Death, Failure, failure_of

__all__ = ["DaskDriver"]

ANSWER_TIME = 5.0
"""Seconds that all workers have to say which tasks they have begun."""
LARGE = 4 << 20
"""Bytes of a part from which on a worker keeps it; others pass through the scheduler, once for each worker."""
LOOK = 1.0
"""Seconds between two questions about the workers."""


class _Future(Future[bytes]):
    """A future of Dask's as one of the standard library's. Cancelling it alone does not concern the engine."""

    task: Any


class DaskDriver(Driver):
    """How a pool uses a Dask cluster.

    The workers' threads are its workers. The number is asked for in the background.

    :param client: the connection to the scheduler; it stays its maker's.
    :param processes: as `Setup`.
    """

    target_time = 0.25  # a task costs the scheduler and the network some milliseconds
    stores = True
    largest_bundle = 512

    def __init__(self, client: Client, processes: int | None = None) -> None:
        self._client = client
        self.processes = processes
        self._known: int = sum(client.nthreads().values())
        self._looked = time.monotonic()

    @property
    def workers(self) -> int:
        """How many threads the workers have, as it was a second ago.

        :raises PoolBroken: if there is no connection to the scheduler.
        """
        if self._client.status != "running":
            raise _lost(self._client)
        if time.monotonic() - self._looked > LOOK:
            self._looked = time.monotonic()
            self._client.loop.add_callback(self._count)
        return self._known

    async def _count(self) -> None:
        try:
            threads = await self._client.nthreads(asynchronous=True)
        except Exception:
            return  # there is no connection: `workers` says so
        self._known = sum(threads.values())

    def submit_many(self, bundles: Sequence[tuple[bytes, list[Any]]], tickets: Sequence[str]) -> list[Any]:
        """Submit bundles; those with the same stored parts by one message."""
        if self._client.status != "running":
            raise _lost(self._client)
        made: dict[int, Any] = {}
        for numbers in _groups(bundles):
            parts, keys = bundles[numbers[0]][1], [tickets[number] for number in numbers]
            made.update(zip(numbers, self._map([bundles[number][0] for number in numbers], keys, parts), strict=True))
        return [self._fetched(made[number]) for number in range(len(bundles))]

    def _map(self, bundles: list[bytes], keys: list[str], parts: list[Any]) -> list[Any]:
        large = {bundle: self._scattered(bundle) for bundle in bundles if len(bundle) >= LARGE}
        arguments: list[Any] = [large.get(bundle) or bundle for bundle in bundles]
        options = {"parts": parts} if parts else {}
        futures: list[Any] = self._client.map(remote.run, arguments, key=keys, pure=False, **options)
        return futures

    def _fetched(self, task: Any) -> _Future:
        future = _Future()
        future.task = task
        self._client.loop.add_callback(self._fetch, future)
        return future

    async def _fetch(self, future: _Future) -> None:
        """In the client's thread: fetch the outcome when it is there."""
        try:
            outcome = await self._client.gather(future.task, asynchronous=True)
        except BaseException as error:
            self._finish(future, lambda error=error: future.set_exception(error))  # type: ignore[misc]
        else:
            self._finish(future, lambda: future.set_result(outcome))

    def _finish(self, future: _Future, resolve: Callable[[], None]) -> None:
        future.task.release()
        if future.set_running_or_notify_cancel():
            resolve()

    def store(self, part: remote.Part) -> Any:
        """Have a worker keep a very large part, and others get it from there."""
        return None if len(part[1]) < LARGE else self._scattered(part)

    def _scattered(self, data: Any) -> Any:
        """Have a worker keep something.

        :return: a future of the engine's, or ``None`` if a worker has left at this moment.
        """
        try:
            return self._client.sync(self._client._scatter, [data], hash=False, callback_timeout=ANSWER_TIME)[0]
        except (KeyError, ValueError, OSError):
            return None

    def is_running(self, future: Any, ticket: str) -> bool:
        """Whether a worker says so."""
        return not future.done() and bool(self._ask(remote.begun, [ticket]))

    def take_back(self, futures: Sequence[Any], tickets: Sequence[str]) -> list[bool]:
        """Have every worker refuse the tasks that it has not begun. Blocks until all have answered."""
        open_ones = [ticket for future, ticket in zip(futures, tickets, strict=True) if not future.done()]
        begun = self._ask(remote.revoke, open_ones)
        return [not future.done() and ticket not in begun for future, ticket in zip(futures, tickets, strict=True)]

    def _ask(self, question: Any, tickets: list[str]) -> set[str]:
        """The tickets for which a worker says yes; all, if the workers do not answer in time."""
        try:
            answers = self._client.run(question, tickets, on_error="ignore", callback_timeout=ANSWER_TIME)
        except Exception:
            return set(tickets)
        return {ticket for answer in answers.values() for ticket in answer}

    def give_up(self, futures: Sequence[Any]) -> None:
        """Have the scheduler drop the tasks; those that run go on to their ends."""
        for future in futures:
            future.cancel()
            future.task.release()

    def judge(self, error: BaseException) -> Death | Failure | BaseException:
        """As `Driver.judge`; a lost connection is the end of the pool."""
        if isinstance(error, KilledWorker):
            return failure_of(WorkerDied(f"the engine's workers died that ran it: {error}"))
        if self._client.status != "running" or _is_disconnection(error):
            return _lost(self._client)
        return super().judge(error)

    def is_lost(self, error: BaseException) -> bool:
        """Whether workers died that ran the task."""
        return isinstance(error, KilledWorker)

    def is_given_up(self, error: BaseException) -> bool:
        """Whether the worker was lost that kept a part, or the outcome before it was fetched."""
        return isinstance(error, CancelledError) and self._client.status == "running" and not _is_disconnection(error)

    def end(self, pool: str) -> None:
        """Have the workers forget the pool.  Does not block."""
        if self._client.status == "running":
            self._client.loop.add_callback(self._forget, pool)

    async def _forget(self, pool: str) -> None:
        try:
            await self._client.run(remote.forget, pool, on_error="ignore", asynchronous=True)
        except Exception:
            return  # workers forget the pool by themselves, for later ones


def _groups(bundles: Sequence[tuple[bytes, list[Any]]]) -> list[list[int]]:
    """The numbers of bundles that go in one message: they have the same parts, and are not too large together."""
    groups: dict[tuple[str, ...], list[list[int]]] = {}
    sizes: dict[tuple[str, ...], int] = {}
    for number, (bundle, stored) in enumerate(bundles):
        parts = tuple(part.key for part in stored)
        if parts not in groups or sizes[parts] + len(bundle) > LARGE:
            groups.setdefault(parts, []).append([])
            sizes[parts] = 0
        groups[parts][-1].append(number)
        sizes[parts] += len(bundle)
    return [numbers for of_parts in groups.values() for numbers in of_parts]


def _is_disconnection(error: BaseException) -> bool:
    return getattr(error, "reason", "") == "scheduler-connection-lost"


def _lost(client: Client) -> PoolBroken:
    scheduler: Any = client.scheduler
    return PoolBroken(f"the connection to the scheduler is lost: {scheduler.address if scheduler else ''}")
