"""``Executor.map`` by an executor's own ``submit``: of a subclass that overrides that."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import islice

from processing_core.annotations import Any
from processing_pool._compatibility import starmapstar
from processing_pool._numbers import positive

__all__ = ["submitted_map"]


def submitted_map(
    submit: Callable[..., Future[Any]],
    fn: Callable[..., Any],
    items: Iterable[tuple[Any, ...]],
    chunksize: int,
    buffersize: int | None,
    deadline: float | None,
) -> Iterator[Any]:
    """Iterate over the results of ``fn(*item)``.

    :param buffersize: chunks that may be submitted and not yet given as results; ``None`` submits all at once.
    :param deadline: monotonic seconds.
    """
    source = iter(items)
    calls = (_submitted(submit, fn, chunk) for chunk in iter(lambda: list(islice(source, chunksize)), []))
    window = None if buffersize is None else positive(buffersize, "buffersize")
    return _results(deque(islice(calls, window)), calls, deadline)


def _submitted(submit: Callable[..., Future[Any]], fn: Callable[..., Any], chunk: list[tuple[Any, ...]]) -> Future[Any]:
    return submit(starmapstar, (fn, chunk))


def _results(due: deque[Future[Any]], calls: Iterator[Future[Any]], deadline: float | None) -> Iterator[Any]:
    try:
        while due:
            chunk = due[0].result(None if deadline is None else max(0.0, deadline - time.monotonic()))
            due.popleft()
            due.extend(islice(calls, 1))
            chunk.reverse()
            while chunk:
                yield chunk.pop()  # so that no variable keeps it
    finally:
        for future in due:
            if not future.running():  # no thread waits for what has not begun
                future.cancel()
