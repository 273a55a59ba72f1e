"""The state of a pool that tests need and no public name shows: only this module uses private names of pools."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from processing_pool import AsyncResult, Pool, ProcessPoolExecutor
from processing_pool._jobs.imap import ImapJob
from processing_pool.lowlevel import CALLS


def is_idle(pool: Pool) -> bool:
    """Whether everything that was submitted is done."""
    return pool._engine.idle()


def is_ready(pool: Pool) -> bool:
    """Whether every worker is ready to receive tasks."""
    claims = _supervisor(pool).claims
    return all(claims.read(worker) for worker in range(pool._processes))


def is_collecting(executor: ProcessPoolExecutor) -> bool:
    """Whether a thread that waits for a result receives the results of all."""
    return bool(executor._pool._engine.collector._collecting)


def is_waiting(pool: Pool, result: AsyncResult[Any]) -> bool:
    """Whether a call waits for being sent again."""
    return pool._engine.channel.is_waiting(CALLS, result.index)


def await_backlog(pool: Pool) -> None:
    """Poll until a pool with priorities has taken back what it had sent before the first; there is no event for it."""
    backlog, deadline = _supervisor(pool)._backlog, time.monotonic() + 30
    while not backlog._has_begun:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def await_feeding(executor: ProcessPoolExecutor) -> None:
    """Poll until maps have sent what they may: a worker may begin what is just being sent. There is no event for it."""
    maps = [job for job in executor._pool._engine.jobs.by_id.values() if isinstance(job, ImapJob)]
    deadline = time.monotonic() + 30
    while not all(job._handed == job._sent and (job._ended or job._feeder_waits) for job in maps):
        assert time.monotonic() < deadline
        time.sleep(0.001)


@contextmanager
def with_unfinished(pool: Pool) -> Iterator[threading.Event]:
    """The worker of a pool, which has only one, takes the next task, but does not begin it, and ends.

    The event is set when the worker was reaped.  Its task is sent to the next worker at the end of the body.
    """
    supervisor, reaped, end = _supervisor(pool), threading.Event(), threading.Event()
    report = supervisor._report

    def report_at_the_end() -> None:
        if supervisor._unfinished:
            reaped.set()
            assert end.wait(60)
        report()

    claims = supervisor.claims
    while (look := claims.look(0)) is None or look[4] or not claims.stop(0, look[7]):
        time.sleep(0.001)  # there is no event for the end of a worker's send; a worker that is stopped begins no task
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supervisor, "_report", report_at_the_end)
        try:
            yield reaped
        finally:
            end.set()


def _supervisor(pool: Pool) -> Any:
    return pool._engine.channel.supervisor  # type: ignore[attr-defined]
